package envelope

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"APPLY_SUCCESS"}`:                               "APPLY_SUCCESS",
		" {\"data\":{\"code\":\"X\"},\n\"c\\u006fde\" : \"Y\"} ": "Y",
		`{"msg":"","code":"\u0041"}`:                             "A",
		`{"\u0063ode":"A"}`:                                      "A",
	} {
		code, err := Code([]byte(body))
		require.NoError(t, err, body)
		assert.Equal(t, want, code)
	}

	for body, words := range map[string]string{
		``:                                  "it is empty; expected a JSON object",
		`<html>CANARY</html>`:               "it is HTML or XML; expected a JSON object",
		`[{"code":"CANARY"}]`:               "it is an array; expected a JSON object",
		`CANARY`:                            "not valid JSON at byte 0",
		`"CANARY"`:                          "it is a string; expected a JSON object",
		`{"msg":"CANARY"}`:                  "no code",
		`{"code":""}`:                       "no code",
		`{"code":null}`:                     "no code",
		`{"code":["CANARY"]}`:               "ambiguous",
		`{"Code":null,"code":"CANARY"}`:     "ambiguous",
		`{"code":1}`:                        "ambiguous",
		`{"code":"X","Code":"CANARY"}`:      "ambiguous",
		`{"code":"X","co_de":"CANARY"}`:     "ambiguous",
		`{"code":"X","co-de":"CANARY"}`:     "ambiguous",
		`{"code":"X","co de":"CANARY"}`:     "ambiguous",
		"{\"code\":\"X\",\"co\u200bde\":1}": "ambiguous",
		`{"code":"X","co\u200bde":1}`:       "ambiguous",
		`{"co_de":"CANARY"}`:                "ambiguous",
		`{"code":"X","Data":{}}`:            "ambiguous",
		`{"code":"X","\u0043ode":"CANARY"}`: "ambiguous",
		`{"code":"X","code":"CANARY"}`:      "two members of one name",
		"\ufeff" + `{"code":"X"}`:           "it begins with a byte order mark; expected UTF-8 without one",
		`{"code":"X"}{"code":"CANARY"}`:     "it has more after its JSON object, at byte 12; expected one object and nothing after it",
		`{"code":"X","msg":"CANARY`:         "it is not valid JSON: it ends too early, at byte 25",
		`{"code":"X","msg":{"CANARY":1`:     "not valid JSON",
		`{"code":"X",CANARY`:                "not valid JSON",
		"{\"code\":\"X\",\"a\":\"\xff\"}":   "it is not valid UTF-8 at byte 17",
	} {
		_, err := Code([]byte(body))
		require.ErrorContains(t, err, words, body)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

func TestReadAnswer(t *testing.T) {
	names := NewNames("outTradeNo", "merchantNo")
	for body, want := range map[string]Answer{
		`{"code":"X","msg":"why \u0041","data":null}`:                                      {Code: "X", Msg: "why A"},
		`{"code":"X","msg":1}`:                                                             {Code: "X"},
		`{"code":"X","msg":"a","Msg":"b"}`:                                                 {Code: "X", Msg: "b", MsgAmbiguous: true},
		`{"code":"X","notifyType":"PAYMENT"}`:                                              {Code: "X", IsNotification: true},
		`{"code":"X","notifyType":null}`:                                                   {Code: "X"},
		`{"code":"X","notifyType":""}`:                                                     {Code: "X"},
		`{"code":"X","notifyType":1}`:                                                      {Code: "X", IsNotification: true},
		`{"code":"X","notifyType":{}}`:                                                     {Code: "X", IsNotification: true},
		`{"code":"X","notıfy_type":null}`:                                                  {Code: "X", IsNotification: true},
		`{"notify_type":"A","code":"X","notifyType":null}`:                                 {Code: "X", IsNotification: true},
		`{"code":"X","msg":null,"data":null,"merchantNo":null,"keyVersion":null}`:          {Code: "X"},
		`{"code":"X","data":{"outTradeNo":null,"totalAmount":null}}`:                       {Code: "X"},
		`{"code":"X","data":{"outTradeNo":"P\u0031","merchantNo":"","other":1}}`:           {Code: "X", Claims: []Claim{{"outTradeNo", "P1", false, true}}},
		`{"code":"X","merchantNo":20,"data":{"outTradeNo":["P1"],"a":{"outTradeNo":"x"}}}`: {Code: "X", Claims: []Claim{{"merchantNo", "20", false, false}, {"outTradeNo", `["P1"]`, false, true}}},
		`{"code":"X","data":[{"outTradeNo":"P1"}]}`:                                        {Code: "X", HasNoObject: true},
		`{"code":"X","data":"{\"outTradeNo\":\"P1\"}"}`:                                    {Code: "X", HasNoObject: true},
		`{"code":"X","data":1}`:                                                            {Code: "X", HasNoObject: true},
		`{"code":"X","data":true}`:                                                         {Code: "X"},
		`{"code":"X","data":false}`:                                                        {Code: "X"},
	} {
		got, err := ReadAnswer([]byte(body), names)
		require.NoError(t, err, body)
		assert.Equal(t, want, *got, body)
	}
}

// Answers and notifications that parsers may read differently are refused: the
// application might see another amount, status or order than the one that was checked.
func TestReadRefusesWhatParsersReadDifferently(t *testing.T) {
	for member, words := range map[string]string{
		`"out_trade_no":"CANARY"`:                   "mistaken for outTradeNo",
		`"outTradeNo":null,"OutTradeNo":["CANARY"]`: "mistaken for outTradeNo",
		`"status":"FAILED","Status":"CANARY"`:       "mistaken for status",
		`"\u017ftatus":"CANARY"`:                    "mistaken for status",
		`"a":[{"currency":"IDR","CURRENCY":null}]`:  "mistaken for currency",
		`"total-amount":1`:                          "mistaken for totalAmount",
		`"merchant_no":"CANARY"`:                    "mistaken for merchantNo",
		`"totalAmount":9007199254740993`:            "a number",
		`"totalAmount":0.10000000000000001`:         "a number",
		`"totalAmount":[1,90071992547409930.1]`:     "a number",
		`"any":1e400`:                               "a number",
		`"any":-1.8e308`:                            "a number",
		`"any":1` + strings.Repeat("0", 400):        "a number",
		`"any":0.` + strings.Repeat("0", 1000):      "a number",
		`"__proto__":{"status":"CANARY"}`:           "parsers act upon",
		`"a":[{"\u005f_proto__":1}]`:                "parsers act upon",
		`"\u0000a":1`:                               "parsers act upon",
		`"a":{"$ref":"$.CANARY"}`:                   "parsers act upon",
		`"@type":"CANARY"`:                          "parsers act upon",
		`"any":` + strings.Repeat(`[`, 40):          "nested more than 32",
		`"any":{"a":"\ud800CANARY"}`:                "half of a surrogate pair",
		`"any":["\uDFffCANARY"]`:                    "; expected both halves of the character",
		`"any\ud83d\u0041":"CANARY"`:                "half of a surrogate pair",
		`"any":"\u1 CANARY"`:                        "not valid JSON at byte",
	} {
		for what, read := range map[string]func(body string) error{
			`"code":"X"`:       func(body string) error { _, err := ReadAnswer([]byte(body), nil); return err },
			`"notifyType":"X"`: func(body string) error { _, err := ReadNotification([]byte(body)); return err },
		} {
			for _, body := range []string{`{` + what + `,"data":{` + member + `}}`, `{` + member + `,` + what + `}`} {
				err := read(body)
				require.ErrorContains(t, err, words, body)
				assert.NotContains(t, err.Error(), "CANARY")
			}
		}
	}

	// PayerMax may write members like these, so they are accepted.
	for _, member := range []string{
		`"totalAmount":10000.00,"refundAmount":"90071992547409931.00","tradeOrderNo":"T2026"`,
		`"orderId":1234567890123456789,"rate":0.123456789012345678901234`, `"username":"a","userName":"b"`,
		`"a":1,"A":2`, `"data":{"proto":{},"_proto":1}`, `"totalAmount":1e2`, `"totalAmount":123456789012.34`, `"price":-0`,
	} {
		_, err := ReadAnswer([]byte(`{"code":"X","data":{`+member+`}}`), nil)
		assert.NoError(t, err, member)
		_, err = ReadNotification([]byte(`{"notifyType":"X","data":{` + member + `}}`))
		assert.NoError(t, err, member)
	}
}

// notifyType distinguishes an answer from a notification, so both readers must agree on
// it. Otherwise, a text that is neither would reach nobody, and one that is both could be
// passed off as the other.
func TestAnswersAreNotNotifications(t *testing.T) {
	for _, value := range []string{"", "null", `""`, `"PAYMENT"`, `" "`, "1", "0", "false", "[]", "{}", `["PAYMENT"]`} {
		for _, name := range []string{"notifyType", "notify_type", "NotifyType", `n\u006ftifyType`} {
			body := `{"code":"APPLY_SUCCESS"}`
			if value != "" {
				body = `{"code":"APPLY_SUCCESS","` + name + `":` + value + `}`
			}
			answer, err := ReadAnswer([]byte(body), nil)
			require.NoError(t, err, body)
			_, err = ReadNotification([]byte(body))
			assert.Equal(t, !answer.IsNotification, err != nil && strings.Contains(err.Error(), "no notifyType"), "%s: %v", body, err)
		}
	}
}

func TestReadClaims(t *testing.T) {
	names := NewNames("outTradeNo", "merchantNo")
	for body, want := range map[string][]Claim{
		`{"merchantNo":"20","data":{"outTradeNo":"P1"}}`:                {{"merchantNo", "20", false, false}, {"outTradeNo", "P1", false, true}},
		`{"merchantNo":null,"data":{"outTradeNo":1,"a":"P2"}}`:          {{"outTradeNo", "1", false, true}},
		`{"merchantNo":"2\u0030","data":{"\u006futTrade\u004eo":"P1"}}`: {{"merchantNo", "20", false, false}, {"outTradeNo", "P1", false, true}},
		`{"merchantNo":"20","data":["outTradeNo","P1"]}`:                {{"merchantNo", "20", false, false}},
		`{"merchantNo":"20","data":{},"out`:                             nil,
		`{"merchantNo":"20"`:                                            nil,
		`{"merchantNo":`:                                                nil,
		`{"merchantNo":"20"}x`:                                          nil,
		`["merchantNo"]`:                                                nil,
		``:                                                              nil,
	} {
		assert.Equal(t, want, ReadClaims([]byte(body), names), body)
	}
}

// FuzzCode checks that ReadAnswer never finds another code in an answer that a common
// JSON parser takes for a success. Such a parser may be Go's, which ignores case, or one
// that takes co_de for code.
func FuzzCode(f *testing.F) {
	for _, seed := range []string{
		`{"code":"APPLY_SUCCESS"}`, `{"code":"X"}`, `{"code":"X","code":"APPLY_SUCCESS"}`, `{"c\u006fde":"Y"}`,
		`{"code":"X"} {}`, `{"Code":"APPLY_SUCCESS","code":"X"}`, `<html>`, ``, `{"code":{"code":"APPLY_SUCCESS"}}`,
		`{"code":"X","co_de":"APPLY_SUCCESS"}`, `{"co-de":"APPLY_SUCCESS"}`, `{"code":"X","co de":"APPLY_SUCCESS"}`, `{"code":"X","co\u200bde":"Y"}`,
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
		for _, found := range codesByLetters(t, body) {
			if found != code {
				t.Fatalf("Code finds %q, a reader that looks at letters alone %q", code, found)
			}
		}
	})
}

// codesByLetters reads like a parser that matches names by their visible characters,
// ignoring case. It returns the values of all members that could be the code.
func codesByLetters(t *testing.T, body []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		letters := strings.Map(func(r rune) rune {
			if r == '_' || r == '-' || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) {
				return -1
			}
			return r
		}, name.(string))
		if strings.EqualFold(letters, "code") {
			codes = append(codes, fmt.Sprint(value))
		}
	}
	return codes
}
