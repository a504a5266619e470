package sandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func TestContentType(t *testing.T) {
	signature := signWith(t, testkeys.Merchant(), validBody)
	for value, msg := range map[string]string{
		"application/json":                 "Success.",
		"application/json; charset=utf-8":  "Success.",
		"Application/JSON;charset=UTF-8":   "Success.",
		"":                                 "Content-Type is invalid,because Content-Type is null.",
		"text/plain":                       "Content-Type must be application/json , but your input is text/plain.",
		"application/json-patch+json":      "Content-Type must be application/json , but your input is application/json-patch+json.",
		"application/json; charset=utf-8;": "Success.",
		"application/json; charset":        "Content-Type must be application/json , but your input is application/json; charset.",
	} {
		t.Run(value, func(t *testing.T) {
			g := newGateway(t)
			r := newRequest(validBody, signature)
			r.Header.Set("Content-Type", value)
			res := readAnswer(t, g, serve(g, r))
			assert.Equal(t, msg, res.Msg)
			if msg != "Success." {
				assert.Equal(t, "PARAMS_INVALID", res.Code)
			}
		})
	}

	t.Run("absent", func(t *testing.T) {
		g := newGateway(t)
		r := newRequest(validBody, signature)
		r.Header = http.Header{"Sign": {signature}}
		assert.Equal(t, "PARAMS_INVALID", readAnswer(t, g, serve(g, r)).Code)
	})
}

func TestEnvelope(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(validBody, old, new, 1) }
	long := strings.Repeat("x", 65)
	for _, tt := range []struct{ name, body, msg string }{
		{"empty", "", "body must be object , but your input is not JSON."},
		{"text", "hello", "body must be object , but your input is not JSON."},
		{"cut", validBody[:len(validBody)-1], "body must be object , but your input is not JSON."},
		{"two objects", validBody + validBody, "body must be object , but your input is not JSON."},
		{"byte order mark", "\ufeff" + validBody, "body must be object , but your input is not JSON."},
		{"not UTF-8", replace("U10001", "U\xff"), "body must be object , but your input is not JSON."},
		{"array", " [" + validBody + "]", "body must be object , but your input is array."},
		{"null", "null", "body must be object , but your input is null."},
		{"string", `"{}"`, "body must be object , but your input is string."},
		{"number", "1", "body must be object , but your input is number."},
		{"boolean", "true", "body must be object , but your input is boolean."},

		{"no version", replace(`"version":"1.5",`, ""), "version is invalid,because version is null."},
		{"name in other case", replace(`"version"`, `"Version"`), "version is invalid,because version is null."},
		{"null version", replace(`"1.5"`, "null"), "version is invalid,because version is null."},
		{"number version", replace(`"1.5"`, "1.5"), "version must be string , but your input is number."},
		{"empty version", replace(`"1.5"`, `""`), "version length must be between 1 and 8,but your input value length is 0."},
		{"long version", replace(`"1.5"`, `"1.5000000"`), "version length must be between 1 and 8,but your input value length is 9."},
		{"no keyVersion", replace(`"keyVersion":"1",`, ""), "keyVersion is invalid,because keyVersion is null."},
		{"number keyVersion", replace(`"keyVersion":"1"`, `"keyVersion":1`), "keyVersion must be string , but your input is number."},
		{"long keyVersion", replace(`"keyVersion":"1"`, `"keyVersion":"111111111"`), "keyVersion length must be between 1 and 8,but your input value length is 9."},
		{"no requestTime", replace(`"requestTime"`, `"time"`), "requestTime is invalid,because requestTime is null."},
		{"number requestTime", replace(`"2022-01-17T09:05:52.194+00:00"`, "1642410352194"), "requestTime must be string , but your input is number."},
		{"long requestTime", replace(`.194+`, `.1940000+`), "requestTime length must be between 1 and 32,but your input value length is 33."},
		{"no appId", replace(`"appId"`, `"merchantAppId"`), "appId is invalid,because appId is null."},
		{"object appId", replace(`"`+testAppID+`"`, "{}"), "appId must be string , but your input is object."},
		{"long appId", replace(testAppID, long), "appId length must be between 1 and 64,but your input value length is 65."},
		{"boolean merchantNo", replace(`"`+testMerchantNo+`"`, "false"), "merchantNo must be string , but your input is boolean."},
		{"long merchantNo", replace(testMerchantNo, long[:33]), "merchantNo length must be between 0 and 32,but your input value length is 33."},
		{"no data", replace(`"data"`, `"Data"`), "data is invalid,because data is null."},
		{"null data", requestBody("1.5", "null"), "data is invalid,because data is null."},
		{"string data", requestBody("1.5", `"{}"`), "data must be object , but your input is string."},
		{"array data", requestBody("1.5", "[]"), "data must be object , but your input is array."},

		{"unknown version", requestBody("1.7", validData), "version must be 1.1 or 1.4 or 1.5 or 1.6 , but your input is 1.7."},
		{"version of another spelling", requestBody("1.50", validData), "version must be 1.1 or 1.4 or 1.5 or 1.6 , but your input is 1.50."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assertRefused(t, ask(t, strictGateway(t), tt.body), "PARAMS_INVALID", tt.msg)
		})
	}

	for name, body := range map[string]string{
		"white space and other members": " \r\n\t" + replace("{", "{\n \"spMerchantNo\": null, ") + "\n",
		"characters beyond ASCII":       replace("U10001", strings.Repeat("ü", 64)),
		"escapes":                       replace("U10001", `\u0055\n`),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, "APPLY_SUCCESS", ask(t, newGateway(t), body).Code)
		})
	}
}
