package notify

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// A notification passes if it is valid and for this site's merchant.
func TestNotifyAddressees(t *testing.T) {
	const (
		notNotification = "not_a_notification"
		ambiguous       = "ambiguous"
		otherMerchant   = "other_merchant"
		passed          = "passed"
	)
	byApp := func(n *Handler) { n.AppIDs = []string{"a1", "a2"} }
	byNumber := func(n *Handler) { n.MerchantNos = []string{"m1", "m2"} }
	for name, test := range map[string]struct {
		options []func(*Handler)
		results map[string]string
	}{
		"anybody": {nil, map[string]string{
			`{"notifyType":"PAYMENT","appId":"x","merchantNo":"y"}`:                      passed,
			`{"notifyType":"PAYMENT"}`:                                                   passed,
			`{"code":"APPLY_SUCCESS","msg":"Success.","data":{"outTradeNo":"P1"}}`:       notNotification,
			`{"code":"APPLY_SUCCESS","data":{"notifyType":"PAYMENT","outTradeNo":"P1"}}`: notNotification,
			`{"referenceNo":"1","amount":"2","currency":"PHP"}`:                          notNotification,
			`{"notifyType":"","appId":"x"}`:                                              notNotification,
			`{"notifyType":"PAYMENT","notify_type":"REFUND"}`:                            ambiguous,
			`{"notifyType":"PAYMENT","data":{"status":"SUCCESS","status":"FAILED"}}`:     ambiguous,
			`{"notifyType":"PAYMENT","data":{"status":"SUCCESS","Status":"FAILED"}}`:     ambiguous,
			`{"notifyType":"PAYMENT","data":{"totalAmount":0.10000000000000001}}`:        ambiguous,
			`{"notifyType":"PAYMENT","data":{"$ref":"$.x"}}`:                             ambiguous,
			`{"notifyType":"PAYMENT","data":` + strings.Repeat("[", 40):                  ambiguous,
			`{"notifyType":null,"appId":"x"}`:                                            notNotification,
			`{"notifyType":"PAYMENT"} {"notifyType":"PAYMENT"}`:                          notNotification,
			`["notifyType"]`: notNotification,
			"hello":          notNotification,
			"":               notNotification,
		}},
		"appId": {[]func(*Handler){byApp}, map[string]string{
			`{"notifyType":"PAYMENT","appId":"a1"}`:                      passed,
			`{"notifyType":"TOKENIZATION","merchantAppId":"a2"}`:         passed,
			`{"notifyType":"PAYMENT","appId":"a1","merchantNo":"y"}`:     passed,
			`{"notifyType":"PAYMENT","appId":"a1","merchantAppId":"a2"}`: passed,
			`{"notifyType":"PAYMENT","appId":"a1","merchantAppId":"x"}`:  otherMerchant,
			`{"notifyType":"PAYMENT","appId":"x","merchantAppId":"a1"}`:  otherMerchant,
			`{"notifyType":"PAYMENT","appId":"A1"}`:                      otherMerchant,
			`{"notifyType":"PAYMENT","appId":"x"}`:                       otherMerchant,
			`{"notifyType":"PAYMENT","appId":null}`:                      otherMerchant,
			`{"notifyType":"PAYMENT","data":{"appId":"a1"}}`:             otherMerchant,
			`{"notifyType":"PAYMENT","merchantNo":"m1"}`:                 otherMerchant,
			`{"notifyType":"PAYMENT","appId":"a1","app_id":"x"}`:         ambiguous,
			`{"notifyType":"PAYMENT","appId":["a1"]}`:                    notNotification,
		}},
		"merchantNo": {[]func(*Handler){byNumber}, map[string]string{
			`{"notifyType":"PAYMENT","appId":"x","merchantNo":"m2"}`: passed,
			`{"notifyType":"PAYMENT","appId":"x","merchantNo":"y"}`:  otherMerchant,
			`{"notifyType":"PAYMENT","appId":"x"}`:                   otherMerchant,
			`{"notifyType":"PAYMENT","appId":"x","merchantNo":""}`:   otherMerchant,
			`{"notifyType":"PAYMENT","merchantNo":1}`:                notNotification,
		}},
		"both": {[]func(*Handler){byApp, byNumber}, map[string]string{
			`{"notifyType":"PAYMENT","appId":"a1","merchantNo":"m1"}`: passed,
			`{"notifyType":"PAYMENT","appId":"a1"}`:                   passed,
			`{"notifyType":"PAYMENT","appId":"a1","merchantNo":null}`: passed,
			`{"notifyType":"PAYMENT","appId":"a1","merchantNo":"y"}`:  otherMerchant,
			`{"notifyType":"PAYMENT","appId":"x","merchantNo":"m1"}`:  otherMerchant,
			`{"notifyType":"PAYMENT","merchantNo":"m1"}`:              otherMerchant,
		}},
	} {
		n := newHandler(t, test.options...)
		for body, result := range test.results {
			t.Run(name+" "+body, func(t *testing.T) {
				before := counted(t, result)
				delivered := false
				w := deliver(t, n, notify(t, body), func(w http.ResponseWriter, r *http.Request) error {
					delivered = true
					return saying(acknowledgement)(w, r)
				})
				assert.Equal(t, result == passed, delivered)
				assert.Equal(t, before+1, counted(t, result))
				if !delivered {
					assert.Equal(t, http.StatusForbidden, w.Code)
					assert.Contains(t, w.Body.String(), "NOTIFICATION_REFUSED")
				}
			})
		}
	}
}

// The content of an unsigned request is not examined.
func TestNotifyVerifiesFirst(t *testing.T) {
	r := notify(t, `{"notifyType":"PAYMENT","appId":"x"}`)
	r.Header.Del("Sign")
	w := deliver(t, newHandler(t, func(n *Handler) { n.AppIDs = []string{"a"} }), r, testcaddy.Unreachable(t))
	assert.Contains(t, w.Body.String(), "sign header")
}

func TestNotifyAddresseesAreExpanded(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_APP", "a1")
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	n := newHandler(t, func(n *Handler) { n.AppIDs, n.MerchantNos = []string{"{env.PAYERMAX_TEST_APP}", "a2"}, []string{"m1"} })
	assert.Equal(t, addressees{[]string{"a1", "a2"}, []string{"m1"}}, n.own)
	for words, n := range map[string]*Handler{
		"app_id: {env.PAYERMAX_TEST_UNSET} is empty":      {AppIDs: []string{"a", "{env.PAYERMAX_TEST_UNSET}"}},
		"app_id: one of its values is empty":              {AppIDs: []string{""}},
		"app_id: longer than the 64 characters":           {AppIDs: []string{strings.Repeat("x", 65)}},
		"merchant_no: {env.PAYERMAX_TEST_UNSET} is empty": {MerchantNos: []string{"{env.PAYERMAX_TEST_UNSET}"}},
		"merchant_no: longer than the 32 characters":      {MerchantNos: []string{strings.Repeat("1", 33)}},
		`merchant_no: "1\n" contains control characters`:  {MerchantNos: []string{"1\n"}},
	} {
		n.GatewayPublicKeys = []string{key}
		assert.ErrorContains(t, testcaddy.Provision(t, n), words)
	}
}

// A character set is not a content coding.
func TestNotifyTakesHarmlessCodings(t *testing.T) {
	n := newHandler(t)
	for _, codings := range [][]string{{""}, {"identity"}, {"Identity", ""}, {"identity, identity"}, {"UTF-8"}, {"utf8"}} {
		r := notify(t, paymentNotification)
		r.Header["Content-Encoding"] = codings
		w := deliver(t, n, r, func(w http.ResponseWriter, r *http.Request) error {
			assert.NotContains(t, r.Header, "Content-Encoding")
			return saying(acknowledgement)(w, r)
		})
		assert.Equal(t, http.StatusOK, w.Code, "%q", codings)
	}
}

// Notifications that no handler answers are neither acknowledged nor counted as passed.
func TestNotifyWithoutApplication(t *testing.T) {
	for name, options := range map[string][]func(*Handler){
		"the application acknowledges": nil, "the sidecar acknowledges": {ackAfterwards}, "without duplicates": {guarded},
	} {
		before := counted(t, "not_accepted")
		w := deliver(t, newHandler(t, options...), notify(t, paymentNotification), func(http.ResponseWriter, *http.Request) error { return nil })
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, name)
		assert.Contains(t, w.Body.String(), "NOTIFICATION_NOT_ACCEPTED", name)
		assert.Equal(t, before+1, counted(t, "not_accepted"), name)
	}
}

// An error of the application becomes an error for the sender. Otherwise, Caddy would end in
// an empty 200, as if the notification had been accepted.
func TestNotifyPassesErrorsOn(t *testing.T) {
	broken := caddyhttp.Error(http.StatusBadGateway, errors.New("broken"))
	for name, options := range map[string][]func(*Handler){
		"the application acknowledges": nil, "the sidecar acknowledges": {ackAfterwards}, "without duplicates": {guarded},
	} {
		before := counted(t, "not_accepted")
		w := httptest.NewRecorder()
		err := newHandler(t, options...).ServeHTTP(w, notify(t, paymentNotification),
			caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return broken }))
		require.NoError(t, err, name) // Caddy would log the request, with the signature
		assert.Equal(t, http.StatusBadGateway, w.Code, name)
		assert.Empty(t, w.Body.String(), name)
		assert.Equal(t, before+1, counted(t, "not_accepted"), name)
	}
}

// If a proxy gives up in the middle of an answer, the notification is still logged.
func TestNotifyRecordsWhatBreaksOff(t *testing.T) {
	before := counted(t, "not_accepted")
	n := newHandler(t)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		})
	})
	assert.Equal(t, before+1, counted(t, "not_accepted"))
}
