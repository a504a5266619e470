package envelope

import (
	"bytes"
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

func TestNotificationID(t *testing.T) {
	const one = `{"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`
	for body, same := range map[string]bool{
		`{"notifyTime":"2022-01-17T09:34:24.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`: true,
		`{"notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`:                                              true,
		`{"requestTime":"x","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`:                            true,
		`{"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P2"}}`: false,
		`{"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"REFUND","data":{"outTradeNo":"P1"}}`:  false,
		one + "{}": false,
		"no JSON":  false,
		"":         false,
	} {
		assert.Equal(t, same, NotificationID([]byte(one)) == NotificationID([]byte(body)), body)
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

// FuzzNotificationID never panics, and depends on the bytes alone.
func FuzzNotificationID(f *testing.F) {
	f.Add([]byte(`{"notifyTime":"x","notifyType":"PAYMENT","data":{"a":[1e400]}}`))
	f.Add([]byte(`{"a":1} {"b":2}`))
	f.Add([]byte(`{"notifyTime":`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if NotificationID(body) != NotificationID(bytes.Clone(body)) {
			t.Fatal("not deterministic")
		}
	})
}
