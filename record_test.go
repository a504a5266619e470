package payermax

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/limits"
)

// logged makes the handler log to an observer, and returns it.
func logged(h *Handler) *observer.ObservedLogs {
	core, logs := observer.New(zapcore.DebugLevel)
	h.logger = zap.New(core)
	return logs
}

// A call has one log line, with what is needed to settle a dispute about the call.
func TestCallIsLogged(t *testing.T) {
	const answer = `{"code":"APPLY_SUCCESS","data":{"sessionKey":"CANARY"}}`
	h := newHandler(t)
	logs := logged(h)
	var body []byte
	w := serve(t, h, post(strings.Replace(sessionBody, "U10001", "CANARY", 1)), func(w http.ResponseWriter, r *http.Request) (err error) {
		body, err = io.ReadAll(r.Body)
		require.NoError(t, err)
		_, err = io.WriteString(w, answer)
		return err
	})

	require.Equal(t, 1, logs.Len())
	entry := logs.All()[0]
	assert.Equal(t, zapcore.InfoLevel, entry.Level)
	assert.Equal(t, "call", entry.Message)
	fields := entry.ContextMap()
	for name, want := range map[string]any{
		"request_id":        w.Header().Get("Payermax-Request-Id"),
		"payermax.endpoint": "applyDropinSession",
		"payermax.outcome":  "answered",
		"status":            200,
		"app_id":            "app",
		"body_bytes":        len(body),
		"body_sha256":       sha256Hex(string(body)),
		"fingerprint":       fingerprint(h),
		"gateway_code":      "APPLY_SUCCESS",
		"answer":            "unchecked",
		"answer_bytes":      len(answer),
		"answer_sha256":     sha256Hex(answer),
	} {
		assert.Equal(t, want, fields[name], name)
	}
	for _, name := range []string{"duration", "sign_duration", "upstream_duration", "attempts"} {
		assert.Contains(t, fields, name)
	}
	var sent struct {
		RequestTime time.Time `json:"requestTime"`
	}
	require.NoError(t, json.Unmarshal(body, &sent))
	assert.WithinDuration(t, sent.RequestTime, fields["request_time"].(time.Time).Truncate(time.Millisecond), 0, "as it was signed")
	assert.NotEmpty(t, fields["request_id"])
	assertNoCanary(t, logs)
}

// The time and the ID in the log are the sidecar's own, however long the application takes to
// send its request, and whatever it calls it. A code that PayerMax does not document, which
// may be anybody's text, is not in the log.
func TestLineHasItsOwnWords(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Timeout = caddy.Duration(time.Minute) })
	logs := logged(h)
	synctest.Test(t, func(t *testing.T) {
		r := post(sessionBody)
		r.Header.Set("X-Request-Id", "CANARY")
		r.Header.Set("Payermax-Request-Id", "CANARY")
		began := time.Now()
		r.Body = io.NopCloser(io.MultiReader(slowly{20 * time.Second}, r.Body))
		w := serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
			time.Sleep(20 * time.Second)
			_, err := io.WriteString(w, `{"code":"CANARY","msg":"CANARY"}`)
			return err
		})
		fields := logs.FilterMessage("call").All()[0].ContextMap()
		assert.Equal(t, began.Add(20*time.Second).UnixMilli(), fields["request_time"].(time.Time).UnixMilli())
		assert.Equal(t, 40*time.Second, fields["duration"])
		assert.Equal(t, 20*time.Second, fields["upstream_duration"])
		assert.Equal(t, other, fields["gateway_code"])
		assert.NotEqual(t, "CANARY", w.Header().Get("Payermax-Request-Id"))
	})
	assertNoCanary(t, logs)
}

// The server's access log has the endpoint and the outcome of each call, however it ends.
func TestCallIsInTheAccessLog(t *testing.T) {
	for outcome, test := range map[string]struct {
		body string
		next caddyhttp.HandlerFunc
	}{
		"answered": {sessionBody, answering(t)},
		"refused":  {"{}", testcaddy.Unreachable(t)},
		"unknown":  {sessionBody, func(http.ResponseWriter, *http.Request) error { return errors.New("reset") }},
	} {
		server := &caddyhttp.Server{Logs: new(caddyhttp.ServerLogConfig)}
		r := caddyhttp.PrepareRequest(post(test.body), caddy.NewReplacer(), nil, server)
		require.NoError(t, newHandler(t).ServeHTTP(httptest.NewRecorder(), r, test.next))
		logged := fmt.Sprintf("%+v", r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey)) // Caddy exports no other way to read it
		assert.Regexp(t, `Key:payermax\.endpoint [^}]*String:applyDropinSession`, logged)
		assert.Regexp(t, `Key:payermax\.outcome [^}]*String:`+outcome+` `, logged)
	}
}

// slowly is a reader that takes its time and then has nothing.
type slowly struct{ takes time.Duration }

func (s slowly) Read([]byte) (int, error) {
	time.Sleep(s.takes)
	return 0, io.EOF
}

// A call is in the log before the application can see anything of its answer.
func TestCallIsLoggedBeforeItIsAnswered(t *testing.T) {
	for name, body := range map[string]string{"answered": sessionBody, "refused": "{}"} {
		h := newHandler(t)
		logs := logged(h)
		w := &watchedWriter{ResponseRecorder: httptest.NewRecorder(), begins: func() { assert.Equal(t, 1, logs.Len(), name) }}
		require.NoError(t, h.ServeHTTP(w, caddyhttp.PrepareRequest(post(body), caddy.NewReplacer(), nil, nil), caddyhttp.HandlerFunc(answering(t))))
		assert.NotEmpty(t, w.Body.String(), name)
	}
}

// watchedWriter calls begins before an answer begins.
type watchedWriter struct {
	*httptest.ResponseRecorder
	begins func()
}

func (w *watchedWriter) WriteHeader(status int) {
	w.begins()
	w.ResponseRecorder.WriteHeader(status)
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func assertNoCanary(t *testing.T, logs *observer.ObservedLogs) {
	t.Helper()
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	for _, entry := range logs.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		require.NoError(t, err)
		assert.NotContains(t, strings.ToUpper(line.String()), "CANARY")
	}
}

func TestRefusalIsLogged(t *testing.T) {
	h := newHandler(t)
	logs := logged(h)
	serve(t, h, post(`{"data":{"totalAmount":1,"currency":"CANARY","country":"ID"}}`), testcaddy.Unreachable(t))
	serve(t, h, post(`{"data":{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U1","user_id":"CANARY"}}`), testcaddy.Unreachable(t))
	require.Equal(t, 2, logs.Len())
	fields := logs.All()[0].ContextMap()
	assert.Equal(t, "refused", fields["payermax.outcome"])
	assert.Equal(t, "PARAMS_INVALID", fields["code"])
	assert.Equal(t, []any{"data.currency pattern", "data.userId required"}, fields["rules"])
	assert.Equal(t, []any{"data lookAlike"}, logs.All()[1].ContextMap()["rules"])
	assert.NotContains(t, fields, "body_sha256")
	assertNoCanary(t, logs)

	serve(t, h, post(`not JSON`), testcaddy.Unreachable(t))
	get := post("")
	get.Method = http.MethodGet
	serve(t, h, get, testcaddy.Unreachable(t))
	require.Equal(t, 4, logs.Len())
	assert.NotContains(t, logs.All()[3].ContextMap(), "rules", "none was broken")
}

// The log line of a call that a limit has refused names the limit and its option.
func TestLimitIsLogged(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.Limits = &limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "200.50"}}}
	})
	logs := logged(h)
	serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	require.Equal(t, 1, logs.Len())
	fields := logs.All()[0].ContextMap()
	assert.Equal(t, "http_request_denied", fields["error"])
	assert.Equal(t, "amount", fields["limit"])
	assert.Equal(t, "max_amount IDR 200.5", fields["setting"])

	for _, refused := range allRefusals() {
		assert.Equal(t, refused.Limit != "", refused.Setting != "", "%s: %s", refused.Code, refused.Msg)
		assert.NotContains(t, string(refused.Answer().Body), "setting")
	}
}

// The log line of a signed call names what strict would have refused.
func TestWarningIsLogged(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Validation = validationWarn })
	logs := logged(h)
	serve(t, h, post(strings.Replace(sessionBody, `"IDR"`, `"CANARY"`, 1)), answering(t))
	require.Equal(t, 1, logs.Len())
	fields := logs.All()[0].ContextMap()
	assert.Equal(t, zapcore.WarnLevel, logs.All()[0].Level)
	assert.Equal(t, "answered", fields["payermax.outcome"])
	assert.Equal(t, []any{"data.currency pattern"}, fields["warned"])
	assertNoCanary(t, logs)
}

// The log line also has disputed rules, and the status of an answer that was withheld.
func TestLineOfACallThatWasSent(t *testing.T) {
	h := newHandler(t, verifying(t))
	logs := logged(h)
	serve(t, h, post(strings.Replace(sessionBody, `10000`, `"10000"`, 1)), func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		_, err := io.WriteString(w, "CANARY")
		return err
	})
	require.Equal(t, 1, logs.Len())
	fields := logs.All()[0].ContextMap()
	assert.Equal(t, []any{"data.totalAmount type"}, fields["disputed"])
	assert.EqualValues(t, http.StatusTeapot, fields["received_status"])
	assert.Equal(t, "CHECK_SIGN_ERROR", fields["code"])
	assert.NotContains(t, fields, "warned")
	assertNoCanary(t, logs)
}

// The log says that the gateway leads back to a sidecar.
func TestLoopIsLogged(t *testing.T) {
	h := newHandler(t)
	logs := logged(h)
	serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusLoopDetected)
		_, err := io.WriteString(w, `{"code":"LOOP_DETECTED","msg":""}`)
		return err
	})
	said := logs.FilterMessageSnippet("a sidecar (this one or another) got the call instead of PayerMax").All()
	require.Len(t, said, 1)
	assert.Equal(t, zapcore.ErrorLevel, said[0].Level)
}

// The log says why a call failed; the application is not told.
func TestCauseIsLogged(t *testing.T) {
	h := newHandler(t)
	logs := logged(h)
	w := serve(t, h, post(sessionBody), func(http.ResponseWriter, *http.Request) error { return errors.New("lost in space") })
	require.Equal(t, 1, logs.Len())
	assert.Equal(t, zapcore.ErrorLevel, logs.All()[0].Level)
	assert.Equal(t, "lost in space", logs.All()[0].ContextMap()["cause"])
	assert.NotContains(t, w.Body.String(), "space")
}

// attempts says how often a call was handed to a gateway: 0 times if no upstream is
// healthy, and once if a handler other than our transport has answered.
func TestAttemptsAreLogged(t *testing.T) {
	for name, test := range map[string]struct {
		next     func(http.ResponseWriter, *http.Request) error
		attempts int64
	}{
		"no upstream is healthy": {func(http.ResponseWriter, *http.Request) error {
			return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no upstreams available"))
		}, 0},
		"another handler answers": {answering(t), 1},
		"another handler fails":   {func(http.ResponseWriter, *http.Request) error { return errors.New("x") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t)
			logs := logged(h)
			serve(t, h, post(sessionBody), test.next)
			require.Equal(t, 1, logs.Len())
			assert.EqualValues(t, test.attempts, logs.All()[0].ContextMap()["attempts"])
		})
	}
}

// When PayerMax refuses the signature, the log says what to check.
func TestAdviceOnRefusedSignature(t *testing.T) {
	h := newHandler(t)
	logs := logged(h)
	serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, `{"code":"SIGN_VERIFY_FAILED"}`)
		return err
	})
	require.Equal(t, 2, logs.Len())
	advice := logs.All()[1].ContextMap()
	assert.Equal(t, logs.All()[0].ContextMap()["request_id"], advice["request_id"])
	assert.Equal(t, fingerprint(h), advice["fingerprint"])
	assert.Len(t, advice["check"], 5)
}
