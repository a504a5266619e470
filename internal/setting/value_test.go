package setting

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// accidents are mistakes in values of all kinds.
var accidents = map[string]string{
	`"abc"`:              inQuotes,
	`'abc'`:              inQuotes,
	"\u201cabc\u201d":    inQuotes,
	"\u00a0abc":          blanks,
	"abc ":               blanks,
	"abc\u200b":          blanks,
	"\ufeffabc":          blanks,
	"${APP_ID}":          unexpanded,
	"$APP_ID":            unexpanded,
	"$(cat file)":        unexpanded,
	"%APP_ID%":           unexpanded,
	"{{ .appId }}":       unexpanded,
	"{$APP_ID}":          unexpanded,
	"CHANGE_ME":          unfilled,
	"changeme":           unfilled,
	"<your app id>":      unfilled,
	"xxxx":               unfilled,
	"XXX-xxxx":           unfilled,
	"...":                unfilled,
	"......":             unfilled,
	"\u2026":             unfilled,
	"---":                unfilled,
	"___":                unfilled,
	"TODO":               unfilled,
	"null":               unfilled,
	"undefined":          unfilled,
	"****":               unfilled,
	"REDACTED":           unfilled,
	"__APP_ID__":         unfilled,
	"@APP_ID@":           unfilled,
	"#{APP_ID}#":         unfilled,
	"true":               unfilled,
	"NaN":                unfilled,
	"YOUR_APP_ID_HERE":   unfilled,
	"/run/x # prod":      commented,
	"abc/d # prod":       commented,
	"APP_ID=/abc":        named,
	"export X=./abc":     named,
	"abc/d\\n":           escaped,
	"abc/d\\r":           escaped,
	`{"token":"canary"}`: document,
	`{ "a" : "canary" }`: document,
	"\ufeff{\"a\":1}":    document,
	"abc\r":              notText,
	"abc\x00":            notText,
	"abc\xff":            notText,
}

func TestAccidents(t *testing.T) {
	t.Parallel()
	for value, why := range accidents {
		for kind, check := range map[string]func(string) error{
			"identity": func(value string) error { return CheckIdentity(value, value) },
			"path":     CheckPath,
			"token":    func(token string) error { return CheckToken(token, "{file./run/token}") },
		} {
			err := check(value)
			if kind == "path" && strings.ContainsAny(value, "\r\n") {
				continue // could be a key, and is then refused as one, without repeating it
			}
			if !assert.ErrorContains(t, err, why, "%s %q", kind, value) {
				continue
			}
			switch {
			case kind == "token":
				assert.NotContains(t, err.Error(), value)
			case why == document:
				assert.NotContains(t, err.Error(), "canary", "a document may hold a secret")
			default:
				assert.Regexp(t, `^"[ -~]*" `, err.Error(), "the value is shown, and can be seen")
			}
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	for value, why := range map[string]string{
		"2.0e+13": calculated, "2E13": calculated, "20213834784554.0": calculated, "20.213.834": calculated, "20,213,834": calculated, "-0102": calculated, "+0102": calculated,
		"arn:aws:secretsmanager:eu:1:secret:x": elsewhere, "vault:secret/x#y": elsewhere, "op://v/i/f": elsewhere, "/run/secrets/app_id": elsewhere, "file:///x": elsewhere,
		"APP_ID=abc": named, "export APP_ID=abc": named, "abc #": commented, `abc\n`: escaped,
		"1.50": "", "your-app-id": "", "123456.7": calculated, "２０": otherSigns, "a/b": otherSigns, "a b": blanks, "a\tb": notText,
		"": "", "6666c8b036a24579974497c2f9a33333": "", "010213834784554": "", "SDP01010113412495": "", "1.4": "", "app-1_b:c": "", "5e3a": "",
	} {
		if err := CheckIdentity(value, value); why == "" {
			assert.NoError(t, err, value)
		} else {
			assert.ErrorContains(t, err, why, value)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for value, why := range map[string]string{
		"$HOME/key.pem": unexpanded, `%USERPROFILE%\key.pem`: unexpanded, "file:///run/key.pem": asURL, "FILE:///run/key.pem": asURL, "KEY=/run/key.pem": named, "/run/key.pem # of 2026": commented,
		"/run/key.pem\r": notText, "/run/key.pem\n": notText, "/run/a=b/#1/key.pem": "", "/run/$keys/key.pem": "", `C:\new`: "", "a=b.pem": "",
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
	for token, why := range map[string]string{
		"": empty, "TOKEN=abc": named, "export TOKEN=abc": named, "Bearer abc": named, "merchantAuthToken: abc": named, "abc # prod": commented, `abc\n`: escaped,
		`{"token":"abc"}`: document, "{\n  \"token\": \"abc\"\n}": document, "<html><body>404": document, "vault:secret/token": elsewhere,
	} {
		assert.ErrorContains(t, CheckToken(token, "{env.TOKEN}"), "the token, which is not repeated here, "+why, token)
	}
	for _, token := range []string{"abc=", "abc==", "a#b", "abc def", base64.StdEncoding.EncodeToString([]byte("token")), "a$b", `a"b`, "{a}"} {
		assert.NoError(t, CheckToken(token, "{file./run/token}"), token)
	}
}

// Of a long value, only a part is shown.
func TestLongValuesAreShownInPart(t *testing.T) {
	t.Parallel()
	err := CheckIdentity(strings.Repeat("a b", 1000), "")
	assert.ErrorContains(t, err, blanks)
	assert.Less(t, len(err.Error()), 300)
}
