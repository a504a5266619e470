package payermax

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// A new endpoint takes only one row in the protocol's table for the sidecar to serve it.
// The sandbox deliberately has its own list, which must have the endpoint too. (Other
// tests check the tables of docs/configuration.md and docs/errors.md.)
func TestEndpointIsOneRow(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Endpoints, h.Validation = []string{"all"}, validationOff })
	site := newSandbox(t)
	for _, e := range protocol.Endpoints() {
		t.Run(e.Name, func(t *testing.T) {
			r := post(sessionBody)
			r.URL.Path = e.Path()
			var answered int
			serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
				seen := reply.NewWitness(w)
				err := site.ServeHTTP(seen, r, nil)
				answered = seen.Status()
				return err
			})
			assert.Equal(t, http.StatusOK, answered, "the sandbox does not know the path")
		})
	}
}

// Each table of fields belongs to an endpoint in the protocol's table, and to the version
// that the endpoint declares. All endpoints of Drop-In have such tables.
func TestFieldTablesAreOfEndpoints(t *testing.T) {
	for _, e := range protocol.Endpoints() {
		_, hasRules := validate.Lookup(e.Name, e.Version)
		assert.Equal(t, len(validate.Versions(e.Name)) > 0, hasRules, "no table of fields has the row's version")
		assert.False(t, e.DropIn && !hasRules, e.Name)
	}

	file, err := os.ReadFile("validate/testdata/published_tables.json")
	require.NoError(t, err)
	var published []struct{ Endpoint, Version string }
	require.NoError(t, json.Unmarshal(file, &published))
	require.NotEmpty(t, published)
	for _, table := range published {
		_, isRow := protocol.Lookup(table.Endpoint)
		assert.True(t, isRow, table.Endpoint)
		assert.Contains(t, validate.Versions(table.Endpoint), table.Version, table.Endpoint)
	}
}
