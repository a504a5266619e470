package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// Only a port that other machines reach is reported.
func TestWhoReachesAListener(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_BIND", "127.0.0.1")
	for listen, says := range map[string]string{
		"127.0.0.1:8080": "", "localhost:8080": "", "[::1]:8080": "", "unix//run/caddy.sock": "", "handover/127.0.0.1:8080": "",
		"{env.PAYERMAX_TEST_BIND}:8080": "", "fd/3": "opens the socket fd/3",
		":8080": open, "0.0.0.0:8080": open, "192.0.2.1:8080": open, "tcp/:8080": open, "{env.PAYERMAX_TEST_UNSET}:8080": open,
	} {
		results := foundHandler{listen: []string{"127.0.0.1:1", listen}}.describeListener(new(Signing))
		if says == "" {
			assert.Empty(t, results, listen)
			continue
		}
		require.Len(t, results, 1, listen)
		assert.Contains(t, results[0].Message, says, listen)
	}
}

// open is what the report says of a port that anyone may use.
const open = "so anyone who reaches the port can have calls signed"

// A port that other machines reach is not called open to all if the site admits only some.
func TestWhomASiteAdmits(t *testing.T) {
	const (
		users    = "basic_auth {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n"
		authTLS  = "tls cert.pem key.pem {\nclient_auth {\nmode MODE\ntrust_pool file ca.pem\n}\n}\n"
		plain    = ":8080 {\n"
		tls      = "https://pay.example:8443 {\ntls cert.pem key.pem\n"
		stranger = "@stranger not header Authorization \"Bearer {file./run/token}\"\n"
	)
	mutual := func(mode string) string {
		return "https://pay.example:8443 {\n" + strings.ReplaceAll(authTLS, "MODE", mode)
	}
	for site, want := range map[string]struct {
		outcome doctor.Outcome
		says    string
	}{
		plain + "#}": {doctor.Warning, open},
		plain + "basic_auth /other* {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n#}": {doctor.Warning, open},
		plain + users + "#}":                {doctor.Warning, "without TLS, so others on the network may read the passwords"},
		tls + users + "#}":                  {doctor.OK, "admits only callers who authenticate"},
		mutual("require_and_verify") + "#}": {doctor.OK, "with a client certificate"},
		mutual("request") + "#}":            {doctor.Warning, open},
		mutual("require_and_verify") + "#}\nhttps://other.example:8443 {\ntls cert.pem key.pem\n}":             {doctor.OK, "with a client certificate"},
		"https://other.example:8443 {\n" + strings.ReplaceAll(authTLS, "MODE", "require") + "}\n" + tls + "#}": {doctor.Warning, open},
		plain + "route {\n" + stranger + "respond @stranger 401\n#}\n}":                                        {doctor.NotChecked, "chooses whose calls are signed"},
		plain + stranger + "handle @stranger {\nrespond 401\n}\nhandle {\n#}\n}":                               {doctor.NotChecked, "chooses whose calls are signed"},
		plain + "route {\n@outside not remote_ip 10.0.0.0/8\nabort @outside\n#}\n}":                            {doctor.NotChecked, "chooses whose calls are signed"},
		plain + "@inside remote_ip 10.0.0.0/8\nhandle @inside {\n#}\n}":                                        {doctor.NotChecked, "chooses whose calls are signed"},
		plain + "@old header User-Agent old\nrespond @old 400\n#}":                                             {doctor.Warning, open},
		plain + "forward_auth 127.0.0.1:4000 {\nuri /auth\n}\n#}":                                              {doctor.NotChecked, "chooses whose calls are signed"},
	} {
		handlers := adapted(t, strings.Replace(site, "#", signing+proxying("https://one.example"), 1)).handlers()
		require.Len(t, handlers, 1, site)
		results := handlers[0].describeListener(&Signing{Paths: []string{"/aggregate-pay/api/gateway/refund"}})
		require.Len(t, results, 1, site)
		assert.Equal(t, want.outcome, results[0].Outcome, site)
		assert.Contains(t, results[0].Message, want.says, site)
	}
}
