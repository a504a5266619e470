package envelope

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"APPLY_SUCCESS"}`:                               "APPLY_SUCCESS",
		" {\"data\":{\"code\":\"X\"},\n\"c\\u006fde\" : \"Y\"} ": "Y",
		`{"msg":"","code":"\u0041"}`:                             "A",
	} {
		code, err := Code([]byte(body))
		require.NoError(t, err, body)
		assert.Equal(t, want, code)
	}

	for body, words := range map[string]string{
		``:                                "not a JSON object",
		`<html>CANARY</html>`:             "not a JSON object",
		`[{"code":"CANARY"}]`:             "not a JSON object",
		`{"msg":"CANARY"}`:                "no code",
		`{"code":""}`:                     "no code",
		`{"code":1}`:                      "ambiguous",
		`{"code":"X","Code":"CANARY"}`:    "ambiguous",
		`{"code":"X","code":"CANARY"}`:    "not valid JSON",
		`{"code":"X"}{"code":"CANARY"}`:   "not valid JSON",
		`{"code":"X","msg":"CANARY`:       "not valid JSON",
		`{"code":"X","msg":{"CANARY":1`:   "not valid JSON",
		`{"code":"X",CANARY`:              "not valid JSON",
		"{\"code\":\"X\",\"a\":\"\xff\"}": "not valid JSON",
	} {
		_, err := Code([]byte(body))
		require.ErrorContains(t, err, words, body)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

// FuzzCode holds the reader of answers to its purpose: no answer that a usual
// JSON reader takes for a success may pass for something else.
func FuzzCode(f *testing.F) {
	for _, seed := range []string{
		`{"code":"APPLY_SUCCESS"}`, `{"code":"X"}`, `{"code":"X","code":"APPLY_SUCCESS"}`, `{"c\u006fde":"Y"}`,
		`{"code":"X"} {}`, `{"Code":"APPLY_SUCCESS","code":"X"}`, `<html>`, ``, `{"code":{"code":"APPLY_SUCCESS"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, err := Code(body)
		if err != nil {
			return
		}
		var lenient struct {
			Code string `json:"code"`
		}
		if err := json.Unmarshal(body, &lenient); err != nil || lenient.Code != code {
			t.Fatalf("Code finds %q, encoding/json %q (%v)", code, lenient.Code, err)
		}
	})
}
