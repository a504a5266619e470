package envelope

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asError returns err as the package's own error type, which every refusal must have.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	return refusal
}

func TestReadRefuses(t *testing.T) {
	nested := func(levels int) string {
		return `{"data":{"a":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}}`
	}

	for _, test := range []struct {
		name, body         string
		field, rule, words string
	}{
		{"empty", "", "", "json", "empty"},
		{"only white space", " \r\n\t", "", "json", "empty"},
		{"byte order mark", "\xef\xbb\xbf{\"data\":{}}", "", "utf8", "byte order mark"},
		{"invalid UTF-8 in a value", "{\"data\":{\"a\":\"\xff\"}}", "", "utf8", "byte 14"},
		{"invalid UTF-8 in a name", "{\"data\":{\"\xc3\":1}}", "", "utf8", "byte 10"},
		{"overlong UTF-8", "{\"data\":{\"a\":\"\xc0\xaf\"}}", "", "utf8", "UTF-8"},
		{"encoded surrogate", "{\"data\":{\"a\":\"\xed\xa0\x80\"}}", "", "utf8", "UTF-8"},
		{"UTF-16", "{\x00\"\x00", "", "json", "byte 1"},
		{"lone surrogate escape", `{"data":{"a":"\ud800"}}`, "/data/a", "json", "half of a surrogate pair at byte 14; write the character itself"},
		{"HTML", "<html>", "", "json", "is HTML or XML; send a JSON object"},
		{"string", `"data"`, "", "type", "a string"},
		{"array", `[{"data":{}}]`, "", "type", "an array"},
		{"number", `1`, "", "type", "a number"},
		{"null", `null`, "", "type", "null"},
		{"boolean", `true`, "", "type", "a boolean"},
		{"not JSON", `data=1`, "", "json", "byte 0"},
		{"single quotes", `{'data':{}}`, "", "json", "byte 1"},
		{"comment", `{"data":{}/* */}`, "", "json", "byte 10"},
		{"trailing comma", `{"data":{},}`, "", "json", "byte"},
		{"missing colon", `{"data" {}}`, "/data", "json", "byte"},
		{"truncated", `{"data":{"a":1`, "/data", "json", "ends too early"},
		{"truncated string", `{"data":{"a":"b`, "/data/a", "json", "ends too early"},
		{"unclosed envelope", `{"data":{}`, "", "json", "ends too early"},
		{"second document", `{"data":{}}{"data":{}}`, "", "json", "byte 11"},
		{"trailing garbage", `{"data":{}}x`, "", "json", "byte 11"},
		{"trailing NUL", "{\"data\":{}}\x00", "", "json", "byte 11"},
		{"control character", "{\"data\":{\"a\":\"\n\"}}", "/data/a", "json", "byte"},
		{"NaN", `{"data":{"a":NaN}}`, "/data/a", "json", "byte 13"},
		{"Infinity", `{"data":{"a":-Infinity}}`, "/data/a", "json", "byte"},
		{"leading zero", `{"data":{"a":01}}`, "/data", "json", "byte"},
		{"leading plus", `{"data":{"a":+1}}`, "/data/a", "json", "byte"},
		{"leading point", `{"data":{"a":.5}}`, "/data/a", "json", "byte"},
		{"trailing point", `{"data":{"a":5.}}`, "/data/a", "json", "byte"},
		{"hexadecimal", `{"data":{"a":0x10}}`, "/data", "json", "byte"},
		{"absurd exponent", `{"data":{"a":1e999999999}}`, "/data/a", "number", "data.a has an exponent beyond 308"},
		{"absurd negative exponent", `{"data":{"a":1E-309}}`, "/data/a", "number", "exponent"},
		{"exponent past any integer", `{"data":{"a":1e99999999999999999999}}`, "/data/a", "number", "exponent"},
		{"absurd exponent outside data", `{"x":[1,1e400],"data":{}}`, "/x/1", "number", "x.1 has an exponent"},
		{"infinite double", `{"data":{"a":1.8e308}}`, "/data/a", "number", "many parsers cannot hold"},
		{"infinite without an exponent", `{"data":{"a":` + strings.Repeat("9", 5000) + `}}`, "/data/a", "number", "many parsers cannot hold"},
		{"a number of too many characters", `{"data":{"a":0.` + strings.Repeat("1", maxNumberLength-1) + `}}`, "/data/a", "number", "many parsers cannot hold"},
		{"more digits than a double", `{"data":{"totalAmount":9007199254740993}}`, "/data/totalAmount", "number", "data.totalAmount has more digits"},
		{"decimals that a double lacks", `{"data":{"a":{"amount":0.10000000000000001}}}`, "/data/a/amount", "number", "at most 15 digits"},
		{"a number of an order that a double rounds", `{"data":{"outTradeNo":12345678901234567890}}`, "/data/outTradeNo", "number", "outTradeNo"},
		{"look-alike of an amount", `{"data":{"total_amount":1}}`, "/data/total_amount", "lookAlike", "data.totalAmount must be spelt exactly like this"},
		{"look-alike at depth", `{"data":{"a":[{"currency":"IDR"},{"Currency":"USD"}]}}`, "/data/a/1/Currency", "lookAlike", "data.a.1.currency must be spelt exactly like this"},
		{"prototype", `{"data":{"__proto__":{"totalAmount":1}}}`, "/data/__proto__", "reserved", "__proto__"},
		{"private property", `{"data":{"\u0000a":1}}`, "/data/\x00a", "reserved", "NUL"},
		{"duplicate data", `{"data":{},"data":{}}`, "/data", "duplicate", "data appears twice"},
		{"duplicate inside data", `{"data":{"a":1,"a":1}}`, "/data/a", "duplicate", "data.a appears twice"},
		{"duplicate at depth", `{"data":{"a":[{"b":1,"c":2,"b":3}]}}`, "/data/a/0/b", "duplicate", "data.a.0.b appears twice"},
		{"duplicate by escape", `{"data":{"currency":"IDR","\u0063urrency":"USD"}}`, "/data/currency", "duplicate", "appears twice"},
		{"too deep", nested(maxDepth - 1), "/data/a" + strings.Repeat("/0", maxDepth-2), "depth", "32 levels"},
		{"far too deep", nested(30_000), "/data/a" + strings.Repeat("/0", maxDepth-2), "depth", "32 levels"},
		{"no data", `{"merchantNo":"1"}`, "/data", "required", "data is missing"},
		{"data is null", `{"data":null}`, "/data", "type", "data must be an object, but is null; send an object"},
		{"data is a string", `{"data":"{}"}`, "/data", "type", "data must be an object, but is a string; send the object itself, without quotes around it"},
		{"data is an array", `{"data":[]}`, "/data", "type", "an array"},
		{"data is a boolean", `{"data":false}`, "/data", "type", "a boolean"},
		{"data is a string of JSON", `{"data":"{}"}`, "/data", "type", "a string"},
		{"look-alike of data", `{"data":{},"Data":{}}`, "/Data", "lookAlike", "write data"},
		{"look-alike of appId", `{"app_id":"x","data":{}}`, "/app_id", "lookAlike", "write appId"},
		{"look-alike by hyphen", `{"MERCHANT-NO":"x","data":{}}`, "/MERCHANT-NO", "lookAlike", "write merchantNo"},
		{"reference to another part", `{"data":{"totalAmount":{"$ref":"$.x"}}}`, "/data/totalAmount/$ref", "reserved", `begin with "$" or "@"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read([]byte(test.body))
			refusal := asError(t, err)
			assert.Equal(t, test.field, refusal.Field)
			assert.Equal(t, test.rule, refusal.Rule)
			assert.Contains(t, refusal.Message, test.words)
		})
	}
}

// Names with a special meaning to Java's parsers are refused at any level and in any
// spelling.
func TestReservedNames(t *testing.T) {
	for _, name := range []string{
		"$ref", "@type", "@class", "@c", "@id", "@value", "$numberDecimal", "$date", "$", "@",
		"$REF", "@Type", "$r_ef", " $ref", "$ref ", "\\t$ref", "_$ref", "-@type", `\u0024ref`, `\u0040type`, `\u200b$ref`,
		"\u200b$ref", "\ufeff@type", "\u00a0@type", `\u0000$ref`, `$\u0072ef`,
	} {
		for _, around := range []string{
			`{"data":{%s:"$.x"}}`,
			`{"data":{"a":1,%s:"$.x"}}`,
			`{"data":{"a":[[{"b":{}},{"c":null,%s:{}}]]}}`,
			`{%s:"$.x","data":{}}`,
			`{"data":{},%s:"$.x"}`,
			`{"x":[{"y":{%s:1}}],"data":{}}`,
		} {
			body := strings.Replace(around, "%s", `"`+name+`"`, 1)
			_, err := Read([]byte(body))
			require.Error(t, err, body)
			assert.Equal(t, "reserved", asError(t, err).Rule, body)
		}
	}

	// Only the beginnings of names count.
	for _, body := range []string{
		`{"data":{"a":"$ref","b":["@type"],"c":{"d":"$"}}}`,
		`{"data":{"ref":1,"type":2,"a$":3,"a@type":4,"":5," ":6,"_":7,"é":8,"5":9}}`,
	} {
		_, err := Read([]byte(body))
		assert.NoError(t, err, body)
	}
}

// A member of the envelope that could be taken for another one is refused. In data, which
// is a different object, the same name is allowed.
func TestLookAlikesOfTheEnvelope(t *testing.T) {
	for name, known := range map[string]string{
		"Data": "data", "da_ta": "data", "da ta": "data", " data": "data", "data\u200b": "data", `data\u0000`: "data",
		"appıd": "appId", "appİd": "appId", "appid": "appId", "APP-ID": "appId", "app\u00a0Id": "appId", "\ufeffappId": "appId",
		"merchantAppID": "merchantAppId", "merchant_no": "merchantNo", "merchantNo\\t": "merchantNo",
		"ſpMerchantNo": "spMerchantNo", "verſion": "version", "versıon": "version", "\u212aeyVersion": "keyVersion",
		"requestTıme": "requestTime", "RequestTime": "requestTime", `\u0044ata`: "data",
	} {
		_, err := Read([]byte(`{"` + name + `":{},"data":{}}`))
		require.Error(t, err, name)
		refusal := asError(t, err)
		assert.Equal(t, "lookAlike", refusal.Rule, name)
		assert.Contains(t, refusal.Message, "write "+known, name)

		_, err = Read([]byte(`{"data":{"` + name + `":{}}}`))
		assert.NoError(t, err, name)
	}
}

// Errors may be logged, so they must not repeat what was posted.
func TestReadErrorsRepeatNoValues(t *testing.T) {
	for _, body := range []string{
		`{"data":{"a":"CANARY` + "\n" + `"}}`,
		`{"data":{"a":CANARY}}`,
		`{"data":{}} CANARY`,
		`{"data":"CANARY"}`,
		`{"data":{"a":"\ud800CANARY"}}`,
		`{"data":{"a":"CANARY`,
	} {
		_, err := Read([]byte(body))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

func TestReadKeepsDataVerbatim(t *testing.T) {
	deep := strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2)
	for name, data := range map[string]string{
		"empty object":       `{}`,
		"white space":        "{ \"a\" :\t1 ,\r\n \"b\" : [ ] }",
		"escapes":            `{"\u0061":"\/\u00e9\ud83d\ude00\"\\"}`,
		"HTML and U+2028":    "{\"a\":\"<b>&\u2028\"}",
		"big integers":       `{"a":12345678901234567890123,"b":9007199254740993}`,
		"number spellings":   `{"a":10000.00,"b":1e4,"c":-0,"d":1E+2,"e":0.10}`,
		"largest exponents":  `{"a":1e308,"b":1e-308}`,
		"same name by level": `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`,
		"names differ":       `{"a":1,"A":2}`,
		"deepest allowed":    `{"a":` + deep + `}`,
		"member named data":  `{"data":{"data":{}}}`,
		"long number":        `{"a":` + strings.Repeat("9", 308) + `}`,
		"longest number":     `{"a":0.` + strings.Repeat("1", maxNumberLength-len("0.")) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{
				`{"data":` + data + `}`,
				" {\n\"x\" : 1 , \"data\" : " + data + " , \"y\" : [\"data\"] } \r\n",
			} {
				e, err := Read([]byte(body))
				require.NoError(t, err)
				assert.Equal(t, data, string(e.Data()))
			}
		})
	}
}

func TestReadReturnsItsErrorType(t *testing.T) {
	_, err := Read([]byte(`{}`))
	assert.True(t, errors.As(err, new(*Error)))
	assert.EqualError(t, err, `data is missing; send the business fields as {"data":{...}}`)
}
