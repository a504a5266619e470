package payermax

import (
	"errors"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// Each Caddyfile in the README is one that Caddy takes as it stands, formatted
// as caddy fmt would.
func TestReadmeCaddyfiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		adapt(t, block[1], false)
	}
}

// The README's table of options names all there are, and its table of errors all
// codes.
func TestReadmeTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range append([]string{"gateway"}, handlerOptions.Names()...) {
		assert.Contains(t, string(readme), "`"+name+"`")
	}
	for _, f := range []*reply.Refusal{
		notServed(&url.URL{}), notServed(&url.URL{Path: protocol.PathPrefix + "refund"}), methodNotAllowed(), badRequest(""), tooLarge(0), unsupportedMediaType(""), loopDetected(), signingFailed(nil), verdict.Withheld(new(reply.Answer), nil), reply.AsRefusal(errors.New("")),
		deniedAmount(validate.Violation{}), (&quota{rate: rate.NewLimiter(0, 0)}).usedUp().(*reply.Refusal), refusalBy((&limits{callerID: "{none}"}).admit("", caddy.NewReplacer())),
		new(delivery).failed(t.Context(), &reply.Answer{}, nil),
	} {
		assert.Regexp(t, `\| [\d, ]*`+strconv.Itoa(f.Status)+`[\d, ]* \| `+"`"+f.Code+"`", string(readme))
	}
}
