package grammar

import (
	"errors"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
)

func TestDiscreet(t *testing.T) {
	const because = "; *** is a value, which is not repeated here, since it may be secret"
	for name, test := range map[string]struct{ options, said, want string }{
		"no value":           {"dial_timeout 5", "unrecognized subdirective dial, at Caddyfile:3", "unrecognized subdirective dial, at Caddyfile:3"},
		"the name":           {"header_up A b", "wrong argument count after 'header_up', at Caddyfile:3", "wrong argument count after 'header_up', at Caddyfile:3"},
		"a value":            {"header_up A secret", "after 'secret', at Caddyfile:3", "after '***'" + because + ", at Caddyfile:3"},
		"twice":              {"wait secret", "bad value secret: secret", "bad value ***: ***" + because},
		"in quotes":          {`wait "sec\"ret"`, `bad value "sec\"ret"`, `bad value "***"` + because},
		"over several lines": {"wait \"a\nsecret\"", "bad a\nsecret, at Caddyfile:3", "bad ***; *** is a value, which is not repeated here, since it looks like a key itself; save the key to a file and write its path, at Caddyfile:3"},
		"as a line":          {"proxy\nhttp://u:secret@h", "unrecognized http://u:secret@h", "unrecognized ***" + because},
		"in a block":         {"transport http {\nproxy u:secret@h\n}", "not registered: proxies.u:secret@h", "not registered: proxies.***" + because},
		"within a word":      {"header_up on", "button", "button"},
		"a part": {"proxy http://u:secret@h", "parse secret@h: no colon, at Caddyfile:3",
			"an option's value, which is not repeated here, since it may be secret, cannot be read, at Caddyfile:3"},
	} {
		d := caddyfile.NewTestDispenser(test.options)
		var options []caddyfile.Token
		for d.Next() {
			options = append(options, d.Token())
		}
		assert.EqualError(t, Discreet(errors.New(test.said), options), test.want, name)
		assert.EqualError(t, Discreet(Discreet(errors.New(test.said), options), options), test.want, name)
	}
	assert.NoError(t, Discreet(nil, nil))
}

func TestGuests(t *testing.T) {
	guests := Guests{Namespace: "caddy.logging.writers", Key: "output", Elsewhere: "others are elsewhere"}
	assert.NoError(t, guests.Check("stdout"))
	assert.EqualError(t, guests.Check("stdot"), "this program has no module caddy.logging.writers.stdot; did you mean stdout?")
	assert.ErrorContains(t, guests.Check("syslog"), "this program has no module caddy.logging.writers.syslog; expected one of discard, ")
	assert.ErrorContains(t, guests.Check("syslog"), "; others are elsewhere")
	for _, secret := range []string{"tcp://u:hunter2@h", "", "hunter2 hunter2", "pin=hunter2"} {
		err := guests.Check(secret)
		assert.ErrorContains(t, err, "this program has no module caddy.logging.writers.***")
		assert.NotContains(t, err.Error(), "hunter2", secret)
	}

	assert.NoError(t, guests.CheckRaw([]byte(`{"output":"stdout"}`)))
	for _, leftToCaddy := range []string{"", "null", "[]", "{}", `{"output":1}`} {
		assert.NoError(t, guests.CheckRaw([]byte(leftToCaddy)), leftToCaddy)
	}
	assert.ErrorContains(t, guests.CheckRaw([]byte(`{"output":"tcp://u:hunter2@h"}`)), "writers.***")
}
