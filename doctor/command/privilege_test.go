package command

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// The capabilities of a process and a kernel setting decide which ports it may open.
func TestOpenPort(t *testing.T) {
	const none, all, bind = "Name:\tcaddy\nCapEff:\t0000000000000000\nSeccomp:\t2\n", "CapEff:\t000001ffffffffff\n", "CapEff:\t0000000000000400\n"
	for name, test := range map[string]struct {
		status, start string
		want          uint
	}{
		"a user":              {none, "1024\n", 1024},
		"a user in Docker":    {none, "0\n", 0},
		"root":                {all, "1024\n", 0},
		"with the capability": {bind, "1024\n", 0},
		"not a number":        {none, "?", 0},
	} {
		assert.Equal(t, test.want, openPortOf(test.status, test.start), name)
	}
}

// The doctor reports ports that the user may not open, including the one for redirects,
// which no Caddyfile names.
func TestPrivilegedPorts(t *testing.T) {
	const first, options = 1024, "{\nauto_https disable_redirects\n}\n"
	const site, redirect = "port 443: it is below 1024", "Caddy also listens on port 80"
	for config, want := range map[string][]string{
		":8080 {\n" + signing + "}":                                  nil,
		":443 {\n" + signing + "}":                                   {site, redirect},
		options + ":443 {\n" + signing + "}":                         {site},
		"{\nauto_https off\n}\n:443 {\n" + signing + "}":             {site},
		"{\nhttp_port 8080\n}\n:443 {\n" + signing + "}":             {site},
		"localhost:8443 {\n" + signing + "}":                         {redirect},
		":8443 {\ntls internal\n" + signing + "}":                    {redirect},
		"http://localhost:8080 {\n" + signing + "}":                  nil,
		"http://:80 {\n" + signing + "}":                             {"port 80: it is below 1024"},
		"http:// {\nbind unix//run/payermax.sock\n" + signing + "}":  nil,
		"http://:80 {\nabort\n}\nlocalhost:8443 {\n" + signing + "}": {"port 80: it is below 1024"},
		"{\nhttps_port 8443\n}\n:8443 {\n" + signing + "}":           {redirect},
		"{\nhttp_port 8080\n}\nhttp://localhost {\n" + signing + "}": nil,
	} {
		results := adapted(t, config).describePrivilege("Caddyfile", first)
		if !assert.Len(t, results, len(want), "%s: %v", config, results) {
			continue
		}
		for i, says := range want {
			assert.Equal(t, doctor.Warning, results[i].Outcome)
			assert.Contains(t, results[i].Message, says, config)
			assert.Contains(t, results[i].Next, "NET_BIND_SERVICE")
			if says == redirect {
				assert.Contains(t, results[i].Next, "auto_https disable_redirects")
			}
		}
		assert.Empty(t, adapted(t, config).describePrivilege("Caddyfile", 0))
	}
}
