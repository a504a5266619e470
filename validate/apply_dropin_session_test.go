package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// publishedExample is the data block of the example on PayerMax's page. It contradicts the
// table above it: it has no totalAmount.
const publishedExample = `{
	"currency": "IDR",
	"country": "ID",
	"userId": "U10001",
	"tokenForFutureUse": false,
	"componentList": [
		"CARD",
		"APPLEPAY"
	]
}`

func TestPublishedExample(t *testing.T) {
	assert.Equal(t, []validate.Violation{{
		Field: "/data/totalAmount",
		Rule:  "required",
		Row:   "data.totalAmount",
		Message: `data.totalAmount is required; send an amount such as 19.99 or "19.99", ` +
			"or configure API version 1.6, where it is optional",
	}}, rules(t, "1.5").Validate([]byte(publishedExample)))
	assert.Nil(t, rules(t, "1.6").Validate([]byte(publishedExample)))
}

// row is one member put into, or taken out of, an otherwise valid block.
type row struct {
	name  string
	value string // raw JSON; empty removes the member
	want  string // the broken rule, after the rest of the pointer if that goes deeper
	says  string // a part of the message
}

// check runs each row against an otherwise valid block.
func check(t *testing.T, version string, valid map[string]string, rows []row) {
	t.Helper()
	require.Nil(t, rules(t, version).Validate(block(valid, row{})))
	for _, r := range rows {
		t.Run(r.name+" "+short(r.value), func(t *testing.T) {
			data := block(valid, r)
			vs := rules(t, version).Validate(data)
			if r.want == "" {
				assert.Nil(t, vs, string(data))
				return
			}
			below, rule, _ := strings.Cut(r.want, " ")
			if rule == "" {
				below, rule = "", r.want
			}
			require.Len(t, vs, 1, "%s: %v", data, vs)
			assert.Equal(t, "/data/"+r.name+below, vs[0].Field)
			assert.Equal(t, rule, vs[0].Rule)
			assert.True(t, strings.HasPrefix(vs[0].Message, "data."+r.name), vs[0].Message)
			assert.Contains(t, vs[0].Message, r.says)
		})
	}
}

// block writes a data block with one member changed.
func block(valid map[string]string, r row) []byte {
	var members []string
	for name, value := range valid {
		if name != r.name {
			members = append(members, `"`+name+`":`+value)
		}
	}
	if r.value != "" {
		members = append(members, `"`+r.name+`":`+r.value)
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

// short keeps the names of subtests readable.
func short(s string) string { return s[:min(len(s), 30)] }

// times returns a JSON string of n characters.
func times(n int, char string) string { return `"` + strings.Repeat(char, n) + `"` }

func TestApplyDropinSession15(t *testing.T) {
	check(t, "1.5", map[string]string{
		"totalAmount": "100", "currency": `"IDR"`, "country": `"ID"`, "userId": `"U10001"`,
	}, append(rowsOfBothVersions(), []row{
		{"totalAmount", ``, "required", "API version 1.6"},
		{"totalAmount", `null`, "required", "API version 1.6"},
		{"totalAmount", `""`, "required", "API version 1.6"},
		{"totalAmount", `"50"`, "", ""},
		{"totalAmount", `"100.00"`, "", ""},
		{"totalAmount", `"100.5"`, "decimals", "IDR"},
		{"totalAmount", `"1e2"`, "pattern", "plain decimal"},
		{"totalAmount", `true`, "type", "must be a JSON number or a string, but a boolean was sent; send an amount such as 19.99"},
		{"totalAmount", `[50]`, "type", "an array was sent"},
		{"totalAmount", `{}`, "type", "an object was sent"},
		{"totalAmount", `0`, "", ""},
		{"totalAmount", `0.00`, "", ""},
		{"totalAmount", `-0`, "", ""},
		{"totalAmount", `-1`, "minimum", "must not be negative"},
		{"totalAmount", `-1e-0`, "minimum", "must not be negative"},
		{"totalAmount", `12345678901234567890123456789`, "", ""},
		{"totalAmount", `100.00`, "", ""},
		{"totalAmount", `1e2`, "", ""},
		{"totalAmount", `1.5E+1`, "", ""},
		{"totalAmount", `10000e-4`, "", ""},
		{"totalAmount", `100.5`, "decimals", "must not have decimals in IDR; send a whole amount"},
		{"totalAmount", `1e-1`, "decimals", "IDR"},
		{"totalAmount", `1e308`, "", ""},
		{"totalAmount", `1e-308`, "decimals", ""},
		{"totalAmount", `1e309`, "pattern", "plain digits"},
		{"totalAmount", `1e-309`, "pattern", "plain digits"},
		{"totalAmount", `0e99999999999999999999999`, "pattern", "plain digits"},

		{"mitType", `"anything"`, "", ""},
		{"mitType", `""`, "", ""},
		{"mitType", times(64, "m"), "", ""},
		{"mitType", times(65, "m"), "maxLength", "at most 64 characters, but 65 were sent"},
		{"mitType", `null`, "", ""},
		{"mitType", `1`, "type", "must be a string, but a number was sent"},

		{"tokenForFutureUse", `null`, "", ""},

		{"componentList", `["ANYTHING"]`, "", ""},
		{"componentList", `["CARD",""]`, "/1 required", "data.componentList[1] is required and must not be empty"},

		// The auth-capture fields are unknown in this version, so they pass.
		{"captureMode", `"AUTOMATIC"`, "", ""},
	}...))
}

func TestApplyDropinSession16(t *testing.T) {
	valid := map[string]string{
		"totalAmount": `"19"`, "currency": `"IDR"`, "country": `"ID"`, "userId": `"U10001"`,
	}
	check(t, "1.6", valid, append(rowsOfBothVersions(), []row{
		{"totalAmount", ``, "", ""},
		{"totalAmount", `null`, "", ""},
		{"totalAmount", `50`, "", ""},
		{"totalAmount", `-1`, "minimum", "must not be negative"},
		{"totalAmount", `0`, "minimum", "must be greater than 0 when no mitType is sent"},
		{"totalAmount", `0.5`, "decimals", "IDR"},
		{"totalAmount", `true`, "type", "must be a string or a JSON number, but a boolean was sent"},
		{"totalAmount", `"100.00"`, "", ""},
		{"totalAmount", `"007"`, "", ""},
		{"totalAmount", `"\u0037"`, "", ""},
		{"totalAmount", `"100.5"`, "decimals", "IDR"},
		{"totalAmount", `"0"`, "minimum", "must be greater than 0 when no mitType is sent"},
		{"totalAmount", `"0.00"`, "minimum", "mitType"},
		{"totalAmount", `""`, "", ""},
		{"totalAmount", `"."`, "pattern", "plain decimal"},
		{"totalAmount", `".5"`, "pattern", "plain decimal"},
		{"totalAmount", `"5."`, "pattern", "plain decimal"},
		{"totalAmount", `"1.2.3"`, "pattern", "plain decimal"},
		{"totalAmount", `"1,5"`, "pattern", "plain decimal"},
		{"totalAmount", `"-1"`, "pattern", "plain decimal"},
		{"totalAmount", `"+1"`, "pattern", "plain decimal"},
		{"totalAmount", `" 1"`, "pattern", "plain decimal"},
		{"totalAmount", `"1e2"`, "pattern", "plain decimal"},
		{"totalAmount", `"0x10"`, "pattern", "plain decimal"},
		{"totalAmount", `"١٩"`, "pattern", "plain decimal"},
		{"totalAmount", `"NaN"`, "pattern", "plain decimal"},

		{"mitType", `"SCHEDULED"`, "", ""},
		{"mitType", `"UNSCHEDULED"`, "", ""},
		{"mitType", `"UNSCHDULED"`, "", ""},
		{"mitType", `"scheduled"`, "enum", "must be SCHEDULED or UNSCHEDULED"},
		{"mitType", `""`, "", ""},
		{"mitType", `null`, "", ""},

		{"captureMode", `"MANUAL"`, "", ""},
		{"captureMode", `"AUTOMATIC"`, "enum", "MANUAL"},
		{"authorizationType", `"FINAL_AUTH"`, "", ""},
		{"authorizationType", `"PRE_AUTH"`, "enum", "FINAL_AUTH"},

		{"tokenForFutureUse", `null`, "", ""},

		{"componentList", `["CARD","APPLEPAY","GOOGLEPAY","CARD"]`, "", ""},
		{"componentList", `["CARD","PIX"]`, "/1 enum", "data.componentList[1] must be CARD, APPLEPAY or GOOGLEPAY"},
		{"componentList", `["card"]`, "/0 enum", "GOOGLEPAY"},
		{"componentList", `[""]`, "/0 enum", "GOOGLEPAY"},
	}...))

	t.Run("0 with mitType", func(t *testing.T) {
		valid["mitType"] = `"SCHEDULED"`
		valid["totalAmount"] = `"0.00"`
		assert.Nil(t, rules(t, "1.6").Validate(block(valid, row{})))
	})
}

// rowsOfBothVersions returns the fields whose rules are the same in both tables.
func rowsOfBothVersions() []row {
	return []row{
		{"currency", ``, "required", `send 3 capital letters, such as "IDR"`},
		{"currency", `null`, "required", `send 3 capital letters, such as "IDR"`},
		{"currency", `""`, "required", "must not be empty"},
		{"currency", `360`, "type", "must be a string, but a number was sent"},
		{"currency", `"JPY"`, "", ""},
		{"currency", `"\u0049DR"`, "", ""},
		{"currency", `"idr"`, "pattern", `must be 3 capital letters, such as "IDR"`},
		{"currency", `"IDRX"`, "pattern", "3 capital letters"},
		{"currency", `"ID"`, "pattern", "3 capital letters"},
		{"currency", `"I R"`, "pattern", "3 capital letters"},
		{"currency", `"ІDR"`, "pattern", "3 capital letters"}, // a Cyrillic letter
		{"currency", `"QQQ"`, "currency", "QQQ is not one"},
		{"currency", `"XAU"`, "currency", "XAU is not one"},
		{"currency", `"HRK"`, "currency", "HRK has been replaced; send EUR"},

		{"country", ``, "required", `send 2 capital letters, such as "ID"`},
		{"country", `null`, "required", "2 capital letters"},
		{"country", `""`, "required", "must not be empty"},
		{"country", `62`, "type", "must be a string, but a number was sent"},
		{"country", `"BR"`, "", ""},
		{"country", `"id"`, "pattern", `must be 2 capital letters, such as "ID"`},
		{"country", `"IDN"`, "pattern", "2 capital letters"},
		{"country", `"I"`, "pattern", "2 capital letters"},
		{"country", `"XX"`, "country", "ISO 3166-1"},
		{"country", `"UK"`, "country", `"GB" for the United Kingdom`},

		{"userId", ``, "required", "1 to 64 characters"},
		{"userId", `null`, "required", "1 to 64 characters"},
		{"userId", `""`, "required", "must not be empty"},
		{"userId", `10001`, "type", "must be a string, but a number was sent"},
		{"userId", times(64, "u"), "", ""},
		{"userId", times(65, "u"), "maxLength", "at most 64 characters, but 65 were sent"},
		{"userId", times(64, "é"), "", ""},
		{"userId", times(64, "\U0001F600"), "", ""}, // one character, two UTF-16 units
		{"userId", times(65, "\U0001F600"), "maxLength", "65 were sent"},
		{"userId", times(64, `\u00e9`), "", ""},
		{"userId", times(65, `\ud83d\ude00`), "maxLength", "65 were sent"},

		{"referralCode", ``, "", ""},
		{"referralCode", `""`, "", ""},
		{"referralCode", times(32, "r"), "", ""},
		{"referralCode", times(33, "r"), "maxLength", "at most 32 characters, but 33 were sent"},
		{"referralCode", `null`, "", ""},
		{"referralCode", `false`, "type", "must be a string, but a boolean was sent"},

		{"tokenForFutureUse", `true`, "", ""},
		{"tokenForFutureUse", `false`, "", ""},
		{"tokenForFutureUse", `"true"`, "", ""},
		{"tokenForFutureUse", `"yes"`, "type", "must be true or false, but a string was sent"},
		{"tokenForFutureUse", `1`, "type", "must be true or false, but a number was sent"},

		{"componentList", `["CARD","APPLEPAY"]`, "", ""},
		{"componentList", `["CARD","CARD"]`, "", ""},
		{"componentList", `[]`, "", ""},
		{"componentList", `null`, "", ""},
		{"componentList", `"CARD"`, "type", "must be an array, but a string was sent"},
		{"componentList", `{"0":"CARD"}`, "type", "must be an array, but an object was sent"},
		{"componentList", `["CARD",1]`, "/1 type", "data.componentList[1] must be a string, but a number was sent"},
		{"componentList", `[null]`, "/0 type", "data.componentList[0] must be a string, but null was sent"},
		{"componentList", `[["CARD"]]`, "/0 type", "an array was sent"},
	}
}

// Without a valid currency there is no number of decimals to compare with.
func TestDecimalsNeedACurrency(t *testing.T) {
	for _, currency := range []string{`"idr"`, `"QQQ"`, `360`, `null`, `["IDR"]`} {
		data := `{"totalAmount":1.23456,"currency":` + currency + `,"country":"ID","userId":"U1"}`
		vs := rules(t, "1.5").Validate([]byte(data))
		require.Len(t, vs, 1, currency)
		assert.Equal(t, "/data/currency", vs[0].Field)
	}
}
