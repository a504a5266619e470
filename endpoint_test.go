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

// A new endpoint is one row of the protocol's table: the sidecar serves it, and the
// sandbox, which has a list of its own on purpose, has been told of it. (The tables
// of docs/configuration.md and docs/errors.md follow in tests of their own.)
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

// Where there are tables of fields, they are of an endpoint in the protocol's table,
// and of the version that it declares. All of Drop-In has some.
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
