package envelope_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/envelope"
)

// For the usual mistakes that make a text invalid JSON, the error says what is wrong and
// what to write. It repeats nothing of the text.
func TestUsualMistakes(t *testing.T) {
	t.Parallel()
	for data, says := range map[string]string{
		`{"a":"CANARY",}`:       "byte 21: there is a comma before a closing bracket; remove the comma",
		`{"a":["CANARY" , ]}`:   "a comma before a closing bracket",
		`{"a":["CANARY",,2]}`:   "a comma where a name or a value is expected",
		`{,"a":"CANARY"}`:       "a comma where a name or a value is expected",
		`{'CANARY':1}`:          "byte 9: there is a single quote; JSON has names and strings in double quotes",
		`{"a":'CANARY'}`:        "a single quote",
		"{\"a\":1 // CANARY\n}": "what looks like a comment; JSON has no comments",
		`{/* CANARY */"a":1}`:   "what looks like a comment",
		"{\"a\":1 # CANARY\n}":  "what looks like a comment",
		`{"a":0100}`:            "byte 14: there is a number that begins with 0; write it without the 0, or as a string in double quotes",
		`{"a":09}`:              "a number that begins with 0",
		`{"a":00}`:              "a number that begins with 0",
		`{"a":[0 1]}`:           ": a comma or a closing bracket is expected",
		`{"a":"0"1}`:            ": a comma or a closing bracket is expected",
		`{"a":[0:1]}`:           ": a comma or a closing bracket is expected",
		`{"a":"b"/}`:            "what looks like a comment",
		`{"a":None}`:            "a word without quotes; names and strings have double quotes, and the only other words are true, false and null",
		`{"a":nul}`:             "a word without quotes",
		`{CANARY:1}`:            "a word without quotes",
		`{_canary:1}`:           "a word without quotes",
		"{\"a\":\"CAN\nARY\"}":  `a line break, a tab or another control character in a string; write it as an escape such as \n`,
		`{"a":"C:\CANARY"}`:     "an escape in a string that JSON does not know; write two backslashes for one",
		`{"a":"\ud800CANARY"}`:  "half of a surrogate pair",
		`{"a" 1}`:               "a colon is expected",
		`{"a":"CANARY" "b":2}`:  "a comma or a closing bracket is expected",
		`{"a":"b"CANARY"}`:      "a double quote within a string needs a backslash before it",
		`{"a":["CANARY"}}`:      "the wrong closing bracket",
		`{"a":1.}`:              "a digit is expected in a number",
		`{"a":-}`:               "a digit is expected in a number",
		`{"a":.5}`:              "a number that begins with .; it has to begin with a digit or a minus sign",
		`{"a":+5}`:              "a number that begins with +",
		`{"a":}`:                "a value is expected after a name",
		`{"a":$CANARY}`:         "byte 13: there is $ where a name or a value is expected",
		`{"a":[@CANARY]}`:       "there is @ where",
		`{"a":%CANARY}`:         "there is % where",
		"{\"a\":\u201cCANARY}":  "is not valid JSON at byte 13",
		`{1:"CANARY"}`:          "a name is expected, in double quotes",
		"{\"a\":\x00}":          "the body is not valid JSON at byte 13",
		`{"a":"CANARY`:          "it ends too early",
	} {
		_, err := envelope.Read([]byte(`{"data":` + data + `}`))
		assert.ErrorContains(t, err, says, data)
		assert.NotContains(t, err.Error(), "CANARY")
	}
	for body, says := range map[string]string{
		"\x1f\x8b\x08\x00CANARY": "the body is compressed with gzip; send it as it is, without compression",
		"totalAmount=CANARY":     "the body is not valid JSON at byte 1: there is a word without quotes",
		"# CANARY":               "what looks like a comment",
		"true":                   "is a boolean",
		`"CANARY"`:               "is a string",
		`{"CANARY":[,`:           "a comma where a name or a value is expected",
	} {
		_, err := envelope.Read([]byte(body))
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}
