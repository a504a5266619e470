package deploy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// grafana holds the parts of grafana/dashboard.json that these tests check.
type grafana struct {
	UID           string
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		RefID, Expr string
		Datasource  struct{ UID string }
	}
}

// dashboard reads the dashboard.
func dashboard(t *testing.T) grafana {
	t.Helper()
	text, err := os.ReadFile("grafana/dashboard.json")
	require.NoError(t, err)
	var board grafana
	require.NoError(t, json.Unmarshal(text, &board))
	return board
}

// A recent Grafana accepts the dashboard: its schema is known, no two panels share a place, and the
// data source is chosen in Grafana.
func TestDashboard(t *testing.T) {
	t.Parallel()
	board := dashboard(t)
	assert.GreaterOrEqual(t, board.SchemaVersion, 39)
	assert.NotEmpty(t, board.UID)
	assert.Equal(t, "datasource", board.Templating.List[0].Name)
	assert.Equal(t, "datasource", board.Templating.List[0].Type)

	ids, cells := make(map[int]bool), make(map[[2]int]string)
	var rows []string
	for _, panel := range board.Panels {
		assert.False(t, ids[panel.ID], "%s: id %d is there twice", panel.Title, panel.ID)
		ids[panel.ID] = true
		assert.NotEmpty(t, panel.Title)
		at := panel.GridPos
		assert.LessOrEqual(t, at.X+at.W, 24, panel.Title)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				assert.Empty(t, cells[[2]int{x, y}], "%s lies on another panel", panel.Title)
				cells[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			rows = append(rows, panel.Title)
			continue
		}
		assert.NotEmpty(t, panel.Targets, panel.Title)
		assert.True(t, strings.HasSuffix(panel.Description, "."), "%s: a description in full sentences", panel.Title)
		assert.Equal(t, "${datasource}", panel.Datasource.UID, panel.Title)
		assert.Equal(t, "prometheus", panel.Datasource.Type, panel.Title)
		if panel.Type != "table" {
			assert.NotEmpty(t, panel.FieldConfig.Defaults.Unit, panel.Title)
		}
		refs := make(map[string]bool)
		for _, target := range panel.Targets {
			assert.Equal(t, "${datasource}", target.Datasource.UID, panel.Title)
			assert.False(t, refs[target.RefID], "%s: %s is there twice", panel.Title, target.RefID)
			refs[target.RefID] = true
			for _, variable := range []string{`job=~"$job"`, `namespace=~"$namespace"`, `instance=~"$instance"`} {
				assert.Contains(t, target.Expr, variable, panel.Title)
			}
		}
	}
	assert.Equal(t, []string{"At a glance", "Traffic", "Errors", "Gateway answers", "Latency", "Keys and clock", "Process"}, rows)
}

// With two hundred sidecars, each panel still draws only a few lines: per-sidecar panels show only
// the highest sidecars, and all other panels aggregate.
func TestDashboardIsReadable(t *testing.T) {
	t.Parallel()
	f := fleet{sidecars: 200, minutes: 10, callsAMinute: 400, gauges: func(_, number int) map[string]float64 {
		return map[string]float64{
			"process_cpu_seconds_total": float64(number), "process_resident_memory_bytes": float64(number),
			"go_memstats_heap_inuse_bytes": float64(number), "go_goroutines": float64(number), "process_open_fds": float64(number),
			"process_max_fds": 1024, `go_gc_duration_seconds{quantile="1.0"}`: float64(number),
			"caddy_payermax_clock_skew_seconds": float64(number - 100), "caddy_payermax_requests_in_flight": float64(number),
			`caddy_payermax_key_last_load_timestamp_seconds{source="file",fingerprint="one"}`:    float64(number),
			`caddy_payermax_signing_engine_info{source="file",fingerprint="one",engine="batch"}`: 1,
		}
	}}
	var expected []expressionTest
	for _, panel := range dashboard(t).Panels {
		for _, target := range panel.Targets {
			expected = append(expected, expressionTest{Expr: "count(" + filledIn(target.Expr) + ") > 15", EvalTime: "10m"})
		}
	}
	runRuleTests(t, f.test("two hundred", expected...))
}

// filledIn returns an expression with Grafana's variables set to All.
func filledIn(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$namespace", ".*", "$instance", ".*").Replace(expr)
}
