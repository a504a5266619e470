package setting

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// accidents happen to values of all kinds.
var accidents = map[string]string{
	`"abc"`:           inQuotes,
	`'abc'`:           inQuotes,
	"\u201cabc\u201d": inQuotes,
	"\u00a0abc":       blanks,
	"abc ":            blanks,
	"abc\u200b":       blanks,
	"\ufeffabc":       blanks,
	"${APP_ID}":       unexpanded,
	"$APP_ID":         unexpanded,
	"$(cat file)":     unexpanded,
	"%APP_ID%":        unexpanded,
	"{{ .appId }}":    unexpanded,
	"{$APP_ID}":       unexpanded,
	"CHANGE_ME":       unfilled,
	"changeme":        unfilled,
	"<your app id>":   unfilled,
	"xxxx":            unfilled,
	"TODO":            unfilled,
	"null":            unfilled,
	"undefined":       unfilled,
	"abc\r":           notText,
	"abc\x00":         notText,
	"abc\xff":         notText,
}

func TestAccidents(t *testing.T) {
	t.Parallel()
	for value, why := range accidents {
		for kind, check := range map[string]func(string) error{"identity": CheckIdentity, "path": CheckPath, "token": CheckToken} {
			err := check(value)
			if kind == "path" && strings.ContainsAny(value, "\r\n") {
				continue // could be a key, which is never repeated, and is refused as one
			}
			if !assert.ErrorContains(t, err, why, "%s %q", kind, value) {
				continue
			}
			switch kind {
			case "token":
				assert.NotContains(t, err.Error(), value)
			default:
				assert.Regexp(t, `^"[ -~]*" `, err.Error(), "the value is shown, and can be seen")
			}
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	for value, why := range map[string]string{
		"2.0e+13": calculated, "2E13": calculated, "２０": otherSigns, "a/b": otherSigns, "a b": blanks, "a\tb": notText,
		"": "", "6666c8b036a24579974497c2f9a33333": "", "010213834784554": "", "SDP01010113412495": "", "1.4": "", "app-1_b:c": "", "5e3a": "",
	} {
		if err := CheckIdentity(value); why == "" {
			assert.NoError(t, err, value)
		} else {
			assert.ErrorContains(t, err, why, value)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for value, why := range map[string]string{
		"~/key.pem": ownHome, "~": ownHome, `"/run/key.pem"`: inQuotes,
		"": "", "/run/my keys/key.pem": "", "schlüssel.pem": "", `C:\keys\key.pem`: "", "it's.pem": "", "../~/key": "", "${PWD}/key": unexpanded,
	} {
		if err := CheckPath(value); why == "" {
			assert.NoError(t, err, value)
		} else {
			assert.ErrorContains(t, err, why, value)
		}
	}
	assert.NoError(t, CheckPath(testkeys.PrivatePEM(testkeys.Merchant())), "a key is refused by whoever reads it, unrepeated")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"abc def", base64.StdEncoding.EncodeToString([]byte("token")), "a$b", `a"b`, "{a}"} {
		assert.NoError(t, CheckToken(token), token)
	}
}
