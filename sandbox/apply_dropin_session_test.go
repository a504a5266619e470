package sandbox

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestApplyDropinSessionAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, components string
		unsupported      string
	}{
		{"no list", "", `[]`},
		{"null list", `,"componentList":null`, `[]`},
		{"empty list", `,"componentList":[]`, `[]`},
		{"all supported", `,"componentList":["CARD","APPLEPAY","GOOGLEPAY"]`, `[]`},
		{"some not", `,"componentList":["CARD","APM","card"]`, `["APM","card"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			body := requestBody("1.5", `{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U"`+tt.components+`}`)
			keys := map[string]bool{}
			for range 2 {
				res := ask(t, g, body)
				require.Equal(t, "APPLY_SUCCESS", res.Code)
				var data map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(res.Data, &data))
				assert.Len(t, data, 3)
				for _, name := range []string{"clientKey", "sessionKey"} {
					assert.Regexp(t, `^"[0-9a-f]{32}"$`, string(data[name]))
					keys[string(data[name])] = true
				}
				assert.JSONEq(t, tt.unsupported, string(data["notSupportedComponent"]))
			}
			assert.Len(t, keys, 4, "every key is another")
		})
	}
}

func TestApplyDropinSessionData(t *testing.T) {
	const (
		amountMsg   = "Amount is incorrect."
		currencyMsg = "currency is invalid,because currency is not defined."
		countryMsg  = "No country support, pls re-pay."
	)
	// with returns the smallest valid data with one member replaced, added or, with "", removed.
	with := func(name, value string) string {
		data := map[string]json.RawMessage{
			"totalAmount": json.RawMessage("10"), "currency": json.RawMessage(`"USD"`),
			"country": json.RawMessage(`"US"`), "userId": json.RawMessage(`"U10001"`),
		}
		if value == "" {
			delete(data, name)
		} else {
			data[name] = json.RawMessage(value)
		}
		raw, err := json.Marshal(data)
		require.NoError(t, err)
		return string(raw)
	}
	quoted := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }

	for _, tt := range []struct{ name, data, code, msg string }{
		{"smallest", with("x", "1"), "APPLY_SUCCESS", "Success."},

		{"no currency", with("currency", ""), "PARAMS_INVALID", "currency is invalid,because currency is null."},
		{"null currency", with("currency", "null"), "PARAMS_INVALID", "currency is invalid,because currency is null."},
		{"number currency", with("currency", "360"), "PARAMS_INVALID", "currency must be string , but your input is number."},
		{"empty currency", with("currency", `""`), "CURRENCY_INVALID", currencyMsg},
		{"short currency", with("currency", `"US"`), "CURRENCY_INVALID", currencyMsg},
		{"long currency", with("currency", `"USDT"`), "CURRENCY_INVALID", currencyMsg},
		{"small currency", with("currency", `"usd"`), "CURRENCY_INVALID", currencyMsg},
		{"currency with line break", with("currency", `"USD\n"`), "CURRENCY_INVALID", currencyMsg},
		{"unknown currency", with("currency", `"QQQ"`), "CURRENCY_INVALID", currencyMsg},
		{"withdrawn currency", with("currency", `"HRK"`), "CURRENCY_INVALID", currencyMsg},
		{"Cyrillic currency", with("currency", `"UЅD"`), "CURRENCY_INVALID", currencyMsg},

		{"no country", with("country", ""), "PARAMS_INVALID", "country is invalid,because country is null."},
		{"array country", with("country", `["US"]`), "PARAMS_INVALID", "country must be string , but your input is array."},
		{"long country", with("country", `"USA"`), "COUNTRY_INVALID", countryMsg},
		{"short country", with("country", `"U"`), "COUNTRY_INVALID", countryMsg},
		{"unknown country", with("country", `"UK"`), "COUNTRY_INVALID", countryMsg},
		{"small country", with("country", `"us"`), "COUNTRY_INVALID", countryMsg},

		{"no userId", with("userId", ""), "PARAMS_INVALID", "userId is invalid,because userId is null."},
		{"number userId", with("userId", "10001"), "PARAMS_INVALID", "userId must be string , but your input is number."},
		{"empty userId", with("userId", `""`), "PARAMS_INVALID", "userId length must be between 1 and 64,but your input value length is 0."},
		{"longest userId", with("userId", quoted(64)), "APPLY_SUCCESS", "Success."},
		{"long userId", with("userId", quoted(65)), "PARAMS_INVALID", "userId length must be between 1 and 64,but your input value length is 65."},

		{"longest mitType", with("mitType", quoted(64)), "APPLY_SUCCESS", "Success."},
		{"long mitType", with("mitType", quoted(65)), "PARAMS_INVALID", "mitType length must be between 0 and 64,but your input value length is 65."},
		{"boolean mitType", with("mitType", "true"), "PARAMS_INVALID", "mitType must be string , but your input is boolean."},
		{"longest referralCode", with("referralCode", quoted(32)), "APPLY_SUCCESS", "Success."},
		{"long referralCode", with("referralCode", quoted(33)), "PARAMS_INVALID", "referralCode length must be between 0 and 32,but your input value length is 33."},

		{"tokenForFutureUse", with("tokenForFutureUse", "true"), "APPLY_SUCCESS", "Success."},
		{"null tokenForFutureUse", with("tokenForFutureUse", "null"), "APPLY_SUCCESS", "Success."},
		{"string tokenForFutureUse", with("tokenForFutureUse", `"true"`), "PARAMS_INVALID", "tokenForFutureUse must be boolean , but your input is string."},

		{"string componentList", with("componentList", `"CARD"`), "PARAMS_INVALID", "componentList must be array[string] , but your input is string."},
		{"object componentList", with("componentList", `{}`), "PARAMS_INVALID", "componentList must be array[string] , but your input is object."},
		{"number in componentList", with("componentList", `["CARD",1]`), "PARAMS_INVALID", "componentList must be array[string] , but your input is array[number]."},
		{"null in componentList", with("componentList", `[null]`), "PARAMS_INVALID", "componentList must be array[string] , but your input is array[null]."},

		{"no totalAmount", with("totalAmount", ""), "PARAMS_INVALID", "totalAmount is invalid,because totalAmount is null."},
		{"string totalAmount of the guides", with("totalAmount", `"10"`), "APPLY_SUCCESS", "Success."},
		{"array totalAmount", with("totalAmount", `[10]`), "PARAMS_INVALID", "totalAmount must be number , but your input is array."},
		{"country of nobody", with("country", `"UN"`), "COUNTRY_INVALID", countryMsg},
		{"zero totalAmount", with("totalAmount", "0"), "APPLY_SUCCESS", "Success."},
		{"negative totalAmount", with("totalAmount", "-0.01"), "AMOUNT_INVALID", amountMsg},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := ask(t, strictGateway(t), requestBody("1.5", tt.data))
			assert.Equal(t, tt.code, res.Code)
			assert.Equal(t, tt.msg, res.Msg)
		})
	}
}

func TestApplyDropinSessionAmountByVersion(t *testing.T) {
	const (
		null  = "totalAmount is invalid,because totalAmount is null."
		wrong = "Amount is incorrect."
		ok    = "Success."
	)
	versions := []string{"1.1", "1.4", "1.5", "1.6"}
	for _, tt := range []struct {
		members string
		want    [4]string
	}{
		{``, [4]string{ok, ok, null, ok}},
		{`,"totalAmount":null`, [4]string{ok, ok, null, ok}},
		{`,"totalAmount":""`, [4]string{ok, ok, null, ok}},
		{`,"totalAmount":19.99`, [4]string{ok, ok, ok, ok}},
		{`,"totalAmount":"19.99"`, [4]string{ok, ok, ok, ok}},
		{`,"totalAmount":"-1"`, [4]string{wrong, wrong, wrong, wrong}},
		{`,"totalAmount":"ten"`, [4]string{wrong, wrong, wrong, wrong}},
		{`,"totalAmount":"0"`, [4]string{ok, wrong, ok, wrong}},
		{`,"totalAmount":"0.00","mitType":""`, [4]string{ok, wrong, ok, wrong}},
		{`,"totalAmount":"0.00","mitType":"UNSCHEDULED"`, [4]string{ok, ok, ok, ok}},
		{`,"totalAmount":0`, [4]string{ok, wrong, ok, wrong}},
		{`,"totalAmount":true`, [4]string{
			"totalAmount must be string , but your input is boolean.",
			"totalAmount must be string , but your input is boolean.",
			"totalAmount must be number , but your input is boolean.",
			"totalAmount must be string , but your input is boolean.",
		}},
	} {
		for i, version := range versions {
			t.Run(version+tt.members, func(t *testing.T) {
				data := `{"currency":"USD","country":"US","userId":"U10001"` + tt.members + `}`
				assert.Equal(t, tt.want[i], ask(t, strictGateway(t), requestBody(version, data)).Msg)
			})
		}
	}
}

// Every documented version has a rule for the amount, and no other version has one.
func TestDropinAmountsCoverTheVersions(t *testing.T) {
	versions := endpoints["applyDropinSession"].versions
	assert.Len(t, dropinAmounts, len(versions))
	for _, version := range versions {
		assert.Contains(t, dropinAmounts, version)
	}
}
