package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadNotification(t *testing.T) {
	for body, want := range map[string]Notification{
		`{"notifyType":"PAYMENT","appId":"a","merchantNo":"m","data":{"appId":"other"}}`: {"PAYMENT", []string{"a"}, "m"},
		`{"merchantAppId":"a","notifyType":"TOKENIZATION"}`:                              {"TOKENIZATION", []string{"a"}, ""},
		`{"merchantAppId":"a","appId":"b","notifyType":"X"}`:                             {"X", []string{"a", "b"}, ""},
		`{"appId":null,"merchantNo":null,"notifyType":"X"}`:                              {"X", nil, ""},
		`{"appId":"","merchantNo":"","notifyType":"X"}`:                                  {"X", nil, ""},
		`{"code":null,"msg":null,"keyVersion":null,"data":null,"notifyType":"X"}`:        {"X", nil, ""},
		`{"appId":null,"merchantAppId":"a","notifyType":"X","data":{"status":null}}`:     {"X", []string{"a"}, ""},
		` {"n\u006ftifyType":"\u0058","spMerchantNo":1} `:                                {"X", nil, ""},
	} {
		got, err := ReadNotification([]byte(body))
		require.NoError(t, err, body)
		assert.Equal(t, want, got, body)
	}
}

func TestReadNotificationRefuses(t *testing.T) {
	for body, words := range map[string]string{
		``:                          "it is empty; expected a JSON object",
		`CANARY`:                    "not valid JSON",
		`"CANARY"`:                  "it is a string; expected a JSON object",
		`[{"notifyType":"CANARY"}]`: "it is an array; expected a JSON object",
		`<xml>CANARY</xml>`:         "it is HTML or XML; expected a JSON object",
		`{"notifyType":"A"}{"notifyType":"CANARY"}`:               "it has more after its JSON object, at byte 18",
		`{"notifyType":"A","notifyType":"CANARY"}`:                "two members of one name",
		`{"notifyType":"A","n\u006ftifyType":"CANARY"}`:           "two members of one name",
		`{"notifyType":"A","data":{"a":1,"a":"CANARY"}}`:          "two members of one name",
		"{\"notifyType\":\"A\",\"x\":\"\xff\"}":                   "it is not valid UTF-8 at byte 23",
		"\xef\xbb\xbf{\"notifyType\":\"A\"}":                      "it begins with a byte order mark; expected UTF-8 without one",
		`{"notifyType":"A","data":"CANARY`:                        "it ends too early",
		`{"code":"APPLY_SUCCESS","data":{"notifyType":"CANARY"}}`: "no notifyType",
		`{"notifyType":""}`:                                       "no notifyType",
		`{"notifyType":null}`:                                     "no notifyType",
		`{"notifyType":1}`:                                        "notifyType is not a string",
		`{"notifyType":["CANARY"]}`:                               "notifyType is not a string",
		`{"notifyType":"A","merchantNo":20213827212251}`:          "merchantNo is not a string",
		`{"notifyType":"A","appId":{"CANARY":1}}`:                 "appId is not a string",
		`{"notifyType":"A","NotifyType":"CANARY"}`:                "mistaken for notifyType",
		`{"notify_type":"CANARY"}`:                                "mistaken for notifyType",
		`{"notifyType":"A","data":{},"Data":{"a":"CANARY"}}`:      "mistaken for data",
		`{"notifyType":"A","code":"B","Code":"CANARY"}`:           "mistaken for code",
		`{"notifyType":"A","co_de":"CANARY"}`:                     "mistaken for code",
		`{"notifyType":"A","code":["CANARY"]}`:                    "code is not a string",
		`{"notifyType":"A","app-id":"CANARY"}`:                    "mistaken for appId",
		`{"notifyType":"A","appıd":"CANARY"}`:                     "mistaken for appId",
		`{"notifyType":"A","merchant no":"CANARY"}`:               "mistaken for merchantNo",
		`{"notifyType":"A","MERCHANTAPPID":"CANARY"}`:             "mistaken for merchantAppId",
	} {
		_, err := ReadNotification([]byte(body))
		require.ErrorContains(t, err, words, body)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

// A decisive member that parsers may read differently is refused in answers and in
// notifications alike, because somebody who can forge one can also forge the other.
func TestDecisiveMembersAreAlikeOnBothSides(t *testing.T) {
	for name, other := range map[string]string{
		"code": "Code", "data": "Data", "notifyType": "notify_type", "appId": "app-id", "merchantAppId": "MerchantAppId",
		"merchantNo": "merchant no", "spMerchantNo": "spmerchantno", "status": "Status", "totalAmount": "total_amount", "currency": "Currency",
	} {
		members := `"` + other + `":"X"}`
		_, err := ReadNotification([]byte(`{"notifyType":"PAYMENT","code":"APPLY_SUCCESS",` + members))
		assert.ErrorContains(t, err, "mistaken for "+name)
		answer, err := ReadAnswer([]byte(`{"code":"APPLY_SUCCESS",`+members), nil)
		assert.True(t, err != nil || answer.IsNotification, name)
	}
}

// FuzzReadNotification checks that a common JSON parser, which ignores case and takes the
// last of several members, finds the same type and merchant as ReadNotification.
func FuzzReadNotification(f *testing.F) {
	for _, seed := range []string{
		`{"notifyType":"PAYMENT","appId":"a","merchantNo":"m"}`, `{"NOTIFYTYPE":"A","notifyType":"B"}`, `{"notifyType":"A"} x`,
		`{"notifyType":"A","appid":"x","appId":"y"}`, `{"merchantNo":null,"notifyType":"A"}`, `{}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := ReadNotification(body)
		if err != nil {
			return
		}
		var lenient struct{ NotifyType, AppID, MerchantAppID, MerchantNo string }
		if err := json.Unmarshal(body, &lenient); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		var appIDs []string
		for _, id := range []string{lenient.AppID, lenient.MerchantAppID} {
			if id != "" {
				appIDs = append(appIDs, id)
			}
		}
		slices.Sort(appIDs)
		slices.Sort(n.AppIDs)
		if n.Type != lenient.NotifyType || n.MerchantNo != lenient.MerchantNo || !slices.Equal(n.AppIDs, appIDs) {
			t.Fatalf("ReadNotification finds %+v, encoding/json %+v", n, lenient)
		}
	})
}

func TestNotificationID(t *testing.T) {
	const one = `{"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`
	for body, same := range map[string]bool{
		`{"notifyTime":"2022-01-17T09:34:24.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`: true,
		`{"notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`:                                              true,
		`{"requestTime":"x","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`:                            true,
		`{"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P2"}}`: false,
		`{"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"REFUND","data":{"outTradeNo":"P1"}}`:  false,
		`{"notify\u0054ime":"x","notifyType":"PAYMENT","d\u0061ta":{"outTradeNo":"P1"}}`:                   true,
		`{"\u006eotifyTime":"x","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`:                        true,
		`{"notifyType":"PAYMENT","Data":{"outTradeNo":"P1"}}`:                                              false,
		`{"notifyType":"PAYMENT","merchantNo":"1","data":{"outTradeNo":"P1"}}`:                             false,
		one + "{}": false,
		"no JSON":  false,
		"":         false,
	} {
		assert.Equal(t, same, NotificationID([]byte(one)) == NotificationID([]byte(body)), body)
	}
	ofMerchant := func(name, value string) [sha256.Size]byte {
		return NotificationID([]byte(`{"` + name + `":"` + value + `","notifyType":"PAYMENT","data":{"outTradeNo":"P1"}}`))
	}
	for _, name := range []string{"appId", "merchantAppId", "merchantNo"} {
		assert.NotEqual(t, ofMerchant(name, "1"), ofMerchant(name, "2"), "another merchant's order may have the same number: %s", name)
	}
	for _, body := range []string{``, `[]`, `["notifyType"]`, `{`, `{"a"`, `{"a":1`, `{"a":1}{`, `{"a\x":1}`, `{"\u00":1}`} {
		assert.Equal(t, sha256.Sum256([]byte(body)), NotificationID([]byte(body)), body)
	}
}

// FuzzNotificationID checks that NotificationID never panics, and that its result depends
// only on the bytes.
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
