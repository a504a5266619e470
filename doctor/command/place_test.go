package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// The doctor reports mistakes that Caddy accepts and only the first call would show.
func TestPlaces(t *testing.T) {
	const host, https, front, noCertificate = "serves only localhost", "over HTTPS", "comes first", "every connection fails"
	for config, want := range map[string][]string{
		":8080 {\n#\n}":                                               nil,
		"http://localhost:8080 {\n#\n}":                               {host},
		"localhost:8080 {\n#\n}":                                      {https},
		"{\nauto_https off\n}\nlocalhost:8080 {\n#\n}":                {noCertificate},
		"{\nauto_https off\n}\nhttp://localhost:8080 {\n#\n}":         {host},
		"http://localhost:8080 {\n#\n}\n:8080 {\nabort\n}":            nil,
		"http://localhost:8080 {\n#\n}\n:8080 {\nrespond fallback\n}": {"gets the answer of the site for all hosts"},
		":8080 {\n@m method GET\nhandle @m {\n#\n}\n}":                {"let no POST through"},
		"http://localhost {\n#\n}":                                    {host},
		"localhost:8080 {\ntls internal\n#\n}":                        nil,
		":8080 {\nhandle_path /aggregate-pay/* {\n#\n}\n}":            {"by removing /aggregate-pay"},
		":8080 {\nhandle /api/* {\n#\n}\n}":                           {"let no call through"},
		":8080 {\nhandle /aggregate-pay/* {\n#\n}\n}":                 nil,
		":8080 {\nrewrite * /pay\n#\n}":                               {"changes the path to /pay"},
		":8080 {\nmethod GET\n#\n}":                                   {"changes the method to GET"},
		":8080 {\nuri strip_prefix /aggregate-pay\n#\n}":              {"by removing /aggregate-pay"},
		":8080 {\nroute {\nrespond hello\n#\n}\n}":                    {front},
		":8080 {\nroute {\nrespond /hello hello\n#\n}\n}":             nil,
	} {
		handlers := adapted(t, strings.Replace(config, "#", signing+proxying("https://one.example"), 1)).handlers()
		require.Len(t, handlers, 1)
		results := handlers[0].describePlace([]string{"/aggregate-pay/api/gateway/refund"})
		require.Len(t, results, len(want), "%s: %v", config, results)
		for i, says := range want {
			assert.Equal(t, says == noCertificate, results[i].Outcome == doctor.Problem)
			assert.Contains(t, results[i].Message, says, config)
			assert.NotEmpty(t, results[i].Next)
		}
	}
}
