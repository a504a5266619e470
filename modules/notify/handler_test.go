package notify

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func TestNotifyPassesOn(t *testing.T) {
	n := newHandler(t)
	for name, body := range map[string]string{
		"payment":                   paymentNotification,
		"failed payment, odd time":  `{"code":"PAYMENT_FAILED","msg":"x","notifyTime":"2025-02-27T09:44:00 +0000","notifyType":"PAYMENT","data":{"status":"FAILED"}}`,
		"another name of the appId": `{"merchantAppId":"app","notifyType":"TOKENIZATION","data":{}}`,
		"a type of tomorrow":        `{"notifyType":"SOMETHING NEW","data":[1e300]}`,
		"white space, and more":     " {\"notifyType\":\"A\",\"a\":\"\\u00e9\u2028\", \"n\":12345678901234567890 }\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := notify(t, body)
			r.Header.Set("Payermax-Verified", "forged")
			r.Header["PayerMax_Verified"] = []string{"forged"}
			r.Header.Set("Trailer", "X")
			r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
			w := deliver(t, n, r, func(w http.ResponseWriter, r *http.Request) error {
				got, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				assert.Equal(t, body, string(got))
				assert.EqualValues(t, len(body), r.ContentLength)
				assert.Equal(t, []string{signer.Fingerprint(&testkeys.Gateway().PublicKey)}, r.Header["Payermax-Verified"])
				assert.NotContains(t, r.Header, "PayerMax_Verified")
				assert.NotContains(t, r.Header, "Trailer")
				assert.Nil(t, r.Trailer)
				assert.Empty(t, r.TransferEncoding)
				w.WriteHeader(http.StatusTeapot)
				_, err = io.WriteString(w, "the application's own")
				return err
			})
			assert.Equal(t, http.StatusTeapot, w.Code)
			assert.Equal(t, "the application's own", w.Body.String())
		})
	}
}

// The proof names the key that has verified the notification, wherever that stands in the
// list.
func TestProofNamesItsKey(t *testing.T) {
	n := newHandler(t, func(n *Handler) {
		n.GatewayPublicKeys = append([]string{testkeys.WritePublic(t, &testkeys.Next().PublicKey)}, n.GatewayPublicKeys...)
	})
	deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, r *http.Request) error {
		assert.Equal(t, []string{signer.Fingerprint(&testkeys.Gateway().PublicKey)}, r.Header["Payermax-Verified"])
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func TestNotifyRefuses(t *testing.T) {
	n := newHandler(t, func(n *Handler) { n.MaxBodySize = 1 << 10 })
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		status int
		result string
	}{
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, 405, "method"},
		{"unsigned", func(r *http.Request) { r.Header.Del("Sign") }, 403, "unsigned"},
		{"signed twice", func(r *http.Request) { r.Header.Add("Sign", r.Header.Get("Sign")) }, 403, "unsigned"},
		{"signed by somebody else", func(r *http.Request) {
			signature, err := signer.Sign(r.Context(), testkeys.Merchant(), []byte(paymentNotification))
			require.NoError(t, err)
			r.Header.Set("Sign", signature)
		}, 403, "wrong_signature"},
		{"one byte changed", func(r *http.Request) { testcaddy.WithBody(r, strings.Replace(paymentNotification, "P1", "P2", 1), -1) }, 403, "wrong_signature"},
		{"one byte added", func(r *http.Request) { testcaddy.WithBody(r, paymentNotification+"\n", -1) }, 403, "wrong_signature"},
		{"empty", func(r *http.Request) { testcaddy.WithBody(r, "", 0) }, 403, "wrong_signature"},
		{"too large, as declared", func(r *http.Request) { r.ContentLength = 1<<10 + 1 }, 413, "too_large"},
		{"too large, undeclared", func(r *http.Request) { testcaddy.WithBody(r, strings.Repeat(" ", 1<<10+1), -1) }, 413, "too_large"},
		{"compressed", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "coding"},
		{"compressed, on a second line", func(r *http.Request) { r.Header["Content-Encoding"] = []string{"", "gzip"} }, 415, "coding"},
		{"compressed, in a list", func(r *http.Request) { r.Header.Set("Content-Encoding", "identity, gzip") }, 415, "coding"},
		{"cut short", func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(r.Body, broken{})) }, 400, "incomplete"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := notify(t, paymentNotification)
			test.change(r)
			before := counted(t, test.result)
			w := deliver(t, n, r, testcaddy.Unreachable(t))
			assert.Equal(t, test.status, w.Code)
			assert.NotContains(t, w.Body.String(), `"SUCCESS"`, "PayerMax would not deliver it again")
			assert.Equal(t, before+1, counted(t, test.result))
			assert.Equal(t, test.status == http.StatusMethodNotAllowed, w.Header().Get("Allow") == http.MethodPost)
			assert.Equal(t, test.status != http.StatusForbidden, w.Header().Get("Connection") == "close", "where the body is not read")
		})
	}
}

// The logged cause names the limit that was exceeded.
func TestNotifyNamesTheLimit(t *testing.T) {
	n := newHandler(t, func(n *Handler) { n.MaxBodySize = 1 << 10 })
	for says, limit := range map[string]int64{"larger than max_body_size allows": 1 << 10, "larger than a request_body directive allows": 100} {
		r := notify(t, paymentNotification)
		r.Body = io.NopCloser(iotest.ErrReader(&http.MaxBytesError{Limit: limit}))
		_, refused := n.read(httptest.NewRecorder(), r, new(memory))
		require.NotNil(t, refused)
		assert.Contains(t, refused.msg, says)
	}
}

// The application gets the header fields that it may need, unchanged, and no others: the
// signature covers none of them.
func TestNotifyPassesFields(t *testing.T) {
	r := notify(t, paymentNotification)
	signature := r.Header.Get("Sign")
	passed := []string{"User-Agent", "Accept", "Accept-Encoding", "Traceparent", "Tracestate", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}
	want := http.Header{"Sign": {signature}}
	for _, field := range passed {
		r.Header.Set(field, "of "+field)
		want.Set(field, "of "+field)
	}
	for _, field := range []string{"Cookie", "Authorization", "Content-Encoding-2", "X-Original-Url", "Te", "Connection", "Payermax-Verified", "Content-Length"} {
		r.Header.Set(field, "forged")
	}
	taken := inflight.Process.Taken()
	deliver(t, newHandler(t), r, func(w http.ResponseWriter, r *http.Request) error {
		assert.True(t, isVerified(r.Context()), "or the guard would take the proof away")
		for _, own := range []string{"Payermax-Verified", "Content-Type", "Content-Length"} {
			assert.Len(t, r.Header[own], 1, own)
			assert.NotContains(t, r.Header.Get(own), "forged", own)
			r.Header.Del(own)
		}
		assert.Equal(t, want, r.Header)
		assert.Equal(t, taken+1, inflight.Process.Taken())
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	assert.Equal(t, taken, inflight.Process.Taken(), "its place is free again")
}

// The log says why a notification of PayerMax's own was refused, without its content.
func TestNotifyLogsTheCause(t *testing.T) {
	n := newHandler(t)
	core, logs := observer.New(zap.WarnLevel)
	n.logger = zap.New(core)
	deliver(t, n, notify(t, `{"notifyType":"PAYMENT","data":{"total_amount":"CANARY"}}`), testcaddy.Unreachable(t))
	require.Len(t, logs.All(), 1)
	fields := logs.All()[0].ContextMap()
	assert.Contains(t, fields["cause"], "mistaken for totalAmount")
	assert.NotContains(t, fields["cause"], "CANARY")
}

// Successful outcomes are logged at level info, and all others as warnings.
func TestNotifyLogLevels(t *testing.T) {
	n := newHandler(t, guarded)
	core, logged := observer.New(zap.DebugLevel)
	n.logger = zap.New(core)
	for range 2 { // it passes, and is a duplicate
		deliver(t, n, notify(t, paymentNotification), saying(acknowledgement))
	}
	deliver(t, n, post(paymentNotification), testcaddy.Unreachable(t))
	var levels []zapcore.Level
	for _, line := range logged.All() {
		levels = append(levels, line.Level)
	}
	assert.Equal(t, []zapcore.Level{zap.InfoLevel, zap.InfoLevel, zap.WarnLevel}, levels)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("CANARY") }

// utf16LE writes ASCII as Windows programs do.
func utf16LE(text string) string {
	encoded := "\xff\xfe"
	for _, c := range []byte(text) {
		encoded += string([]byte{c, 0})
	}
	return encoded
}

func TestNotifyAckAfter(t *testing.T) {
	n := newHandler(t, ackAfterwards)
	for _, test := range []struct {
		name        string
		application caddyhttp.HandlerFunc
		status      int
		acked       bool
	}{
		{"200", func(w http.ResponseWriter, _ *http.Request) error { _, err := io.WriteString(w, "thanks"); return err }, 200, true},
		{"204", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil }, 200, true},
		{"302", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(302); return nil }, 503, false},
		{"400", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(400); return nil }, 400, false},
		{"409", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(409); return nil }, 409, false},
		{"429", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(429); return nil }, 429, false},
		{"500 that says SUCCESS", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(500)
			_, err := io.WriteString(w, acknowledgement)
			return err
		}, 500, false},
		{"nothing", func(http.ResponseWriter, *http.Request) error { return nil }, 503, false},
		// Answers of frameworks, and of applications that were written for PayerMax.
		{"200 that says SUCCESS", saying(acknowledgement), 200, true},
		{"200 that says FAIL", saying(`{"code":"FAIL","msg":"try again"}`), 503, false},
		{"200 that says FAIL behind a mark", saying("\xef\xbb\xbf" + ` {"msg":"", "code" : "FAIL"}`), 503, false},
		{"200 that says a number", saying(`{"code":500,"msg":"error"}`), 503, false},
		{"200 that says success otherwise", saying(`{"code":"success"}`), 503, false},
		{"200 that says FAIL behind a large number", saying(`{"at":1e999,"code":"FAIL"}`), 503, false},
		{"200 that says null", saying(`{"code":null}`), 200, true},
		{"200 of the older API that refuses", saying(`{"bizCode":"9998","message":"data is invalid"}`), 503, false},
		{"200 of the older API", saying(`{"bizCode":"0000","message":"success"}`), 200, true},
		{"200 of both APIs", saying(`{"code":"SUCCESS","bizCode":"9998"}`), 200, true},
		{"200 that says both", saying(`{"code":"FAIL","code":"SUCCESS"}`), 503, false},
		{"200 that says both, in another order", saying(`{"code":"SUCCESS","code":"FAIL"}`), 503, false},
		{"200 that says null as well", saying(`{"code":null,"code":"SUCCESS"}`), 503, false},
		{"200 that says another in capitals", saying(`{"CODE":"FAIL","code":"SUCCESS"}`), 503, false},
		{"200 that says both in the older API", saying(`{"bizCode":"9998","bizCode":"0000"}`), 503, false},
		{"200 that says two objects", saying(`{"code":{},"code":{}}`), 503, false},
		{"200 that says SUCCESS twice", saying(`{"code":"SUCCESS","Code":"SUCCESS"}`), 200, true},
		{"200 with a code deeper down", saying(`{"result":{"code":"FAIL"}}`), 200, true},
		{"200 without a code", saying(`{"ok":false}`), 200, true},
		{"200 with a list", saying(`[{"code":"FAIL"}]`), 200, true},
		{"200 that says FAIL behind a warning", saying("<br />\n<b>Warning</b>: Undefined variable $x in callback.php\n" + `{"code":"FAIL"}`), 503, false},
		{"200 that says FAIL before a comment", saying(`{"code":"FAIL","msg":""}` + "\n<!-- 3 ms -->"), 503, false},
		{"200 that says something, and more", saying(acknowledgement + acknowledgement), 503, false},
		{"200 that says FAIL and is cut short", saying(`{"msg":"", "biz_code" : "9998"`), 503, false},
		{"200 that says FAIL as Python shows it", saying(`{'msg': None, 'code': 'FAIL'}`), 503, false},
		{"200 that says FAIL as JavaScript shows it", saying(`{code: 'FAIL'}`), 503, false},
		{"200 that says FAIL in UTF-16", saying(utf16LE(`{"code":"FAIL"}`)), 503, false},
		{"200 that says FAIL, encoded twice", saying(`"{\"code\":\"FAIL\"}"`), 503, false},
		{"200 that says SUCCESS, encoded twice", saying(`"{\"code\":\"SUCCESS\"}"`), 200, true},
		{"200 with a text", saying("status code: 200"), 200, true},
		{"200 with a page", saying("<html><style>code{color:red}</style>Postal code: {12}</html>"), 200, true},
		{"200 with null", saying(`null`), 200, true},
		{"200 that cannot be read", func(w http.ResponseWriter, r *http.Request) error {
			assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
			w.Header().Set("Content-Encoding", "gzip")
			_, err := io.WriteString(w, "\x1f\x8b")
			return err
		}, 503, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := deliver(t, n, notify(t, paymentNotification), test.application)
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			if test.acked {
				assert.Equal(t, `{"code":"SUCCESS","msg":"Success"}`, w.Body.String())
			} else {
				assert.NotContains(t, w.Body.String(), `"SUCCESS"`)
			}
		})
	}

	t.Run("unreachable", func(t *testing.T) {
		w := httptest.NewRecorder()
		err := n.ServeHTTP(w, notify(t, paymentNotification), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
			return caddyhttp.Error(http.StatusBadGateway, errors.New("refused"))
		}))
		assert.NoError(t, err, "which the server would log with the signature")
		assert.Equal(t, http.StatusBadGateway, w.Code)
		assert.Empty(t, w.Body.String())
	})
}

// With the guard, an accepted notification reaches the application once, even if it is
// delivered again with another notifyTime; a refused one reaches it each time.
func TestNotifyDuplicates(t *testing.T) {
	later := strings.Replace(paymentNotification, "2022-01-17T09:33:54.540", "2022-01-17T09:34:24.540", 1)
	other := strings.Replace(paymentNotification, "P1", "P2", 1)

	for name, options := range map[string][]func(*Handler){
		"the application acknowledges": {guarded},
		"the sidecar acknowledges":     {guarded, ackAfterwards},
	} {
		t.Run(name, func(t *testing.T) {
			n := newHandler(t, options...)
			var count int
			for range 3 {
				w := deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, _ *http.Request) error {
					count++
					w.WriteHeader(http.StatusInternalServerError)
					return nil
				})
				assert.Equal(t, http.StatusInternalServerError, w.Code)
			}
			assert.Equal(t, 3, count, "not accepted, so delivered each time")

			for _, body := range []string{paymentNotification, later, paymentNotification} {
				w := deliver(t, n, notify(t, body), accepting(&count))
				assert.Equal(t, acknowledgement, w.Body.String())
			}
			assert.Equal(t, 4, count, "accepted once")
			deliver(t, n, notify(t, other), accepting(&count))
			assert.Equal(t, 5, count)

			n.guard.claims.(*stores.Memory).Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
			deliver(t, n, notify(t, paymentNotification), accepting(&count))
			assert.Equal(t, 6, count, "the window is over")
		})
	}

	// An unverified copy of an accepted notification is not acknowledged.
	t.Run("unsigned duplicate", func(t *testing.T) {
		n := newHandler(t, guarded)
		var count int
		deliver(t, n, notify(t, paymentNotification), accepting(&count))
		forged := notify(t, paymentNotification)
		forged.Header.Del("Sign")
		assert.Equal(t, http.StatusForbidden, deliver(t, n, forged, testcaddy.Unreachable(t)).Code)
	})

	// An application that does not answer has not accepted the notification.
	t.Run("without an answer", func(t *testing.T) {
		n := newHandler(t, guarded)
		w := deliver(t, n, notify(t, paymentNotification), func(http.ResponseWriter, *http.Request) error { return nil })
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		var count int
		deliver(t, n, notify(t, paymentNotification), accepting(&count))
		assert.Equal(t, 1, count)
	})

	t.Run("at the same time", func(t *testing.T) {
		n, all := newHandler(t, guarded), totals(t)
		var count int
		deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, r *http.Request) error {
			assert.Equal(t, http.StatusServiceUnavailable, deliver(t, n, notify(t, paymentNotification), testcaddy.Unreachable(t)).Code)
			return accepting(&count)(w, r)
		})
		assert.Equal(t, 1, count)
		all["concurrent"]++
		all["passed"]++
		assert.Equal(t, all, totals(t))
		deliver(t, n, notify(t, paymentNotification), testcaddy.Unreachable(t))
		all["duplicate"]++
		assert.Equal(t, all, totals(t))
	})
}

// A notification counts as accepted if PayerMax accepts the answer as a receipt: the exact
// code, with a 2xx. PayerMax delivers again after any other answer, and the application must
// get that delivery.
func TestNotifyGuardsWhatPayerMaxTakesForAReceipt(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		body       string
		isAccepted bool
	}{
		"acknowledged":               {200, acknowledgement, true},
		"acknowledged with a 201":    {201, acknowledgement, true},
		"a 200 that says something":  {200, "thanks", false},
		"a 200 of another code":      {200, `{"code":"FAIL","msg":""}`, false},
		"an empty 200":               {200, "", false},
		"an error that says SUCCESS": {500, acknowledgement, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newHandler(t, guarded)
			var count int
			for range 2 {
				deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, _ *http.Request) error {
					count++
					w.WriteHeader(test.status)
					_, err := io.WriteString(w, test.body)
					return err
				})
			}
			assert.Equal(t, test.isAccepted, count == 1, "it came %d times", count)
		})
	}
}

// PayerMax's key can change: two keys can be configured, and a changed file is reloaded.
func TestNotifyKeys(t *testing.T) {
	public, err := os.ReadFile(testkeys.WritePublic(t, &testkeys.Gateway().PublicKey))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "payermax.pub")
	old, err := os.ReadFile(testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, old, 0o600))

	n := newHandler(t, func(n *Handler) { n.GatewayPublicKeys = []string{path} })
	assert.Equal(t, http.StatusForbidden, deliver(t, n, notify(t, paymentNotification), testcaddy.Unreachable(t)).Code)
	require.NoError(t, os.WriteFile(path, public, 0o600))
	var count int
	require.Eventually(t, func() bool {
		return deliver(t, n, notify(t, paymentNotification), accepting(&count)).Code == http.StatusOK
	}, 30*time.Second, 10*time.Millisecond)

	both := newHandler(t, func(n *Handler) {
		n.GatewayPublicKeys = []string{testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), path}
	})
	assert.Equal(t, http.StatusOK, deliver(t, both, notify(t, paymentNotification), accepting(&count)).Code)
}

func TestNotifyProvisionRefuses(t *testing.T) {
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	for words, n := range map[string]*Handler{
		"gateway_public_key: required":                           {},
		"gateway_public_key: {env.PAYERMAX_TEST_UNSET} is empty": {GatewayPublicKeys: []string{"{env.PAYERMAX_TEST_UNSET}"}},
		"gateway_public_key: public key file no.pub":             {GatewayPublicKeys: []string{"no.pub"}},
		"sandbox: the embedded sandbox has its own key":          {GatewayPublicKeys: []string{key}, Sandbox: true},
		`ack must be "after"`:                                    {GatewayPublicKeys: []string{key}, Ack: "before"},
		"max_body_size must be a size from":                      {GatewayPublicKeys: []string{key}, MaxBodySize: -1},
		"duplicates must be a duration from":                     {GatewayPublicKeys: []string{key}, Duplicates: -1},
	} {
		assert.ErrorContains(t, testcaddy.Provision(t, n), words)
	}
}
