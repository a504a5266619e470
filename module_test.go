package payermax

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// The main job: a request is filled in, signed and handed to the next handler.
func TestServeHTTP(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MerchantNo = "merchant" })
	r := post(sessionBody)
	r.Header.Set("Sign", "the application's own")
	r.Header.Set("Connection", "Sign")
	r.Header.Set("Cookie", "a=b")

	w := serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.Regexp(t, `^\{"version":"1\.5","keyVersion":"1","requestTime":"[^"]+","appId":"app","merchantNo":"merchant","data":`, string(body))
		assert.True(t, strings.HasSuffix(string(body), strings.TrimPrefix(sessionBody, "{")))
		assert.NoError(t, signer.Verify(&merchantKey().PublicKey, body, r.Header.Get("Sign")))

		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, sessionPath, r.URL.String())
		assert.EqualValues(t, len(body), r.ContentLength)
		assert.Nil(t, r.GetBody)
		assert.Nil(t, r.Trailer)
		var fields []string
		for field := range r.Header {
			fields = append(fields, field)
		}
		assert.ElementsMatch(t, []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Sign", "User-Agent"}, fields)

		w.Header().Set("Content-Type", "text/plain")
		return answering(t)(w, r)
	})

	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, `{"code":"APPLY_SUCCESS"}`, w.Body.String())
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.Equal(t, `caddy-payermax; received-status=200; details="answer not checked"`, w.Header().Get("Proxy-Status"))
}

func TestServeHTTPRefuses(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MaxBodySize = 1 << 10 })
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"another path", func(r *http.Request) { r.URL.Path += "s" }, 404, "NOT_FOUND"},
		{"the path in another case", func(r *http.Request) { r.URL.Path = strings.ToLower(r.URL.Path) }, 404, "NOT_FOUND"},
		{"a path with two slashes", func(r *http.Request) { r.URL.Path = "/" + r.URL.Path }, 404, "NOT_FOUND"},
		{"a path that leads away and back", func(r *http.Request) { r.URL.Path = "/refund/.." + r.URL.Path }, 404, "NOT_FOUND"},
		{"a path with a slash at its end", func(r *http.Request) { r.URL.Path += "/" }, 404, "NOT_FOUND"},
		{"an escaped path", func(r *http.Request) { r.URL.RawPath = strings.Replace(sessionPath, "api", "%61pi", 1) }, 404, "NOT_FOUND"},
		{"an endpoint that is not enabled", func(r *http.Request) { r.URL.Path = protocol.PathPrefix + "orderAndPay" }, 403, "ENDPOINT_NOT_ENABLED"},
		{"an endpoint alone", func(r *http.Request) { r.URL.Path = "orderAndPay" }, 404, "NOT_FOUND"},
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, 405, "METHOD_NOT_ALLOWED"},
		{"a query string", func(r *http.Request) { r.URL.RawQuery = "a=b" }, 400, "PARAMS_INVALID"},
		{"another sidecar's call", func(r *http.Request) { r.Header.Set("User-Agent", protocol.SidecarName) }, 508, "LOOP_DETECTED"},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"a form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"another charset", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=gbk") }, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"a content coding", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"too large, as declared", func(r *http.Request) { r.ContentLength = 1<<10 + 1 }, 413, "CONTENT_TOO_LARGE"},
		{"too large, undeclared", func(r *http.Request) { testcaddy.WithBody(r, sessionBody+strings.Repeat(" ", 1<<10), -1) }, 413, "CONTENT_TOO_LARGE"},
		{"shorter than declared", func(r *http.Request) { testcaddy.WithBody(r, sessionBody, 100) }, 400, "PARAMS_INVALID"},
		{"not JSON", func(r *http.Request) { testcaddy.WithBody(r, "a=b", 3) }, 400, "PARAMS_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := post(sessionBody)
			test.change(r)
			w := serve(t, h, r, testcaddy.Unreachable(t))
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, test.code, refusalOf(t, w).Code)
			if test.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "POST", w.Header().Get("Allow"))
			}
		})
	}
}

// The answer to a path that almost matches an endpoint names that endpoint, and does not
// repeat the path.
func TestServeHTTPNamesTheNearEndpoint(t *testing.T) {
	h := newHandler(t)
	for path, says := range map[string]string{
		protocol.PathPrefix + "orderQueryy":           "did you mean " + protocol.PathPrefix + "orderQuery",
		protocol.PathPrefix + "orderquery/":           "did you mean " + protocol.PathPrefix + "orderQuery",
		"/orderQuery":                                 "did you mean " + protocol.PathPrefix + "orderQuery",
		protocol.PathPrefix + "apply-drop-in-session": "did you mean " + sessionPath,
		protocol.PathPrefix + "orderConfirm":          "the sidecar does not sign orderConfirm",
		protocol.PathPrefix + "CANARY":                "such as " + sessionPath,
		"/":                                           "such as " + sessionPath,
		"/" + strings.Repeat("CANARY", 10_000):        "such as " + sessionPath,
	} {
		r := post(sessionBody)
		r.URL.Path = path
		refused := refusalOf(t, serve(t, h, r, testcaddy.Unreachable(t)))
		assert.Equal(t, "NOT_FOUND", refused.Code)
		assert.Contains(t, refused.Msg, says, path)
		assert.NotContains(t, refused.Msg, "CANARY")
	}
}

func TestServeHTTPAcceptsContentTypes(t *testing.T) {
	h := newHandler(t)
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json; charset=utf8", `application/json; charset="UTF8"`} {
		r := post(sessionBody)
		r.Header.Set("Content-Type", contentType)
		r.Header["Content-Encoding"] = []string{"identity", "", "UTF-8"}
		w := serve(t, h, r, answering(t))
		assert.Equal(t, http.StatusOK, w.Code, contentType)
	}
}

// A body of exactly the maximum size is accepted, with or without a Content-Length.
func TestServeHTTPAcceptsBodyAtTheLimit(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MaxBodySize = 1 << 10 })
	body := sessionBody + strings.Repeat(" ", 1<<10-len(sessionBody))
	for _, length := range []int64{1 << 10, -1} {
		r := post("")
		testcaddy.WithBody(r, body, length)
		w := serve(t, h, r, answering(t))
		assert.Equal(t, http.StatusOK, w.Code)
	}
}

// Everything that is wrong is reported at once: what contradicts the
// configuration and what breaks the rules.
func TestServeHTTPReportsAllViolations(t *testing.T) {
	h := newHandler(t)
	r := post("")
	const body = `{"appId":"other","data":{"totalAmount":-1,"currency":"idr","userId":""}}`
	testcaddy.WithBody(r, body, int64(len(body)))
	f := refusalOf(t, serve(t, h, r, testcaddy.Unreachable(t)))

	var fields []string
	for _, violation := range f.Errors {
		fields = append(fields, violation.Field+" "+violation.Rule)
	}
	assert.Equal(t, []string{"/appId mismatch", "/data/totalAmount minimum", "/data/currency pattern", "/data/country required", "/data/userId required"}, fields)
	assert.Contains(t, f.Msg, "and 4 more")
}

// Every endpoint can be enabled, and has its own version.
func TestServeHTTPEndpoints(t *testing.T) {
	for _, test := range []struct {
		configured []string
		versions   map[string]string
		want       map[string]string // version by endpoint
	}{
		{nil, nil, map[string]string{"applyDropinSession": "1.5"}},
		{[]string{"orderQuery"}, nil, map[string]string{"orderQuery": "1.4"}},
		{
			[]string{"drop_in"},
			map[string]string{"applyDropinSession": "1.6", "orderAndPay": "1.4"},
			map[string]string{
				"applyDropinSession": "1.6", "orderAndPay": "1.4", "orderQuery": "1.4", "refund": "1.4",
				"refundQuery": "1.4", "capture": "1.4", "cancel": "1.4",
			},
		},
		{[]string{"drop_in", "orderQuery", "exchange"}, nil, map[string]string{
			"applyDropinSession": "1.5", "orderAndPay": "1.5", "orderQuery": "1.4", "refund": "1.4",
			"refundQuery": "1.4", "capture": "1.4", "cancel": "1.4", "exchange": "1.1",
		}},
	} {
		h := newHandler(t, func(h *Handler) {
			h.Endpoints, h.Versions, h.Validation = test.configured, test.versions, validationOff
		})
		for _, e := range protocol.Endpoints() {
			r := post(sessionBody)
			r.URL.Path = e.Path()
			version, enabled := test.want[e.Name]
			w := serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				assert.Equal(t, e.Path(), r.URL.Path)
				assert.Contains(t, string(body), `{"version":"`+version+`",`)
				return answering(t)(w, r)
			})
			if enabled {
				assert.Equal(t, http.StatusOK, w.Code, e.Name)
			} else {
				assert.Equal(t, "ENDPOINT_NOT_ENABLED", refusalOf(t, w).Code, e.Name)
			}
		}
	}
	all := newHandler(t, func(h *Handler) { h.Endpoints = []string{"all"} })
	assert.Len(t, all.routes, len(protocol.Endpoints()))
}

// If the key cannot sign, for example because its hardware token was unplugged, the
// request is refused and not sent.
func TestServeHTTPWithoutSignature(t *testing.T) {
	h := newHandler(t)
	setKey(h, brokenKey{merchantKey()})
	w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Equal(t, "SYSTEM_ERROR", refusalOf(t, w).Code)
	assert.Contains(t, refusalOf(t, w).Msg, "the operator must check the key", "nobody knows whether a retry helps")
	assert.NotContains(t, w.Body.String(), "CANARY")
}

// A remote key says when to try again.
func TestServeHTTPRetryAfter(t *testing.T) {
	assert.Equal(t, []string{"3"}, signingFailed(t.Context(), fmt.Errorf("signing: %w", away{})).Header["Retry-After"])
	assert.Equal(t, []string{"1"}, signingFailed(t.Context(), errors.New("x")).Header["Retry-After"])
}

type away struct{}

func (away) Error() string { return "the token is away" }

func (away) RetryAfter() time.Duration { return 2100 * time.Millisecond }

type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("CANARY")
}

func TestServeHTTPWhenNextFails(t *testing.T) {
	h := newHandler(t)
	for name, next := range map[string]func(http.ResponseWriter, *http.Request) error{
		"with an error":          func(http.ResponseWriter, *http.Request) error { return errors.New("CANARY") },
		"in the middle":          func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); panic(http.ErrAbortHandler) },
		"with an interim answer": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(103); return nil },
		"with more than is taken": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write(make([]byte, reply.MaxAnswerSize+1))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, h, post(sessionBody), next)
			assert.Equal(t, http.StatusBadGateway, w.Code)
			f := refusalOf(t, w)
			assert.Equal(t, "REQUEST_TIMEOUT", f.Code)
			assert.Contains(t, f.Msg, "the outcome is unknown")
			assert.NotContains(t, w.Body.String(), "CANARY")
		})
	}
}

// A handler that has neither opened a connection nor written an answer has not sent the
// call.
func TestServeHTTPWhenNothingSends(t *testing.T) {
	w := serve(t, newHandler(t), post(sessionBody), func(http.ResponseWriter, *http.Request) error { return nil })
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, `caddy-payermax; error=proxy_configuration_error; details="SYSTEM_ERROR"`, w.Header().Get("Proxy-Status"))
	f := refusalOf(t, w)
	assert.Equal(t, "SYSTEM_ERROR", f.Code)
	assert.Contains(t, f.Msg, "no handler of the sidecar has sent the call")
}

// A panic in an inner handler is passed on and not turned into an answer.
func TestServeHTTPPassesOnPanics(t *testing.T) {
	h := newHandler(t)
	assert.PanicsWithValue(t, "bug", func() {
		serve(t, h, post(sessionBody), func(http.ResponseWriter, *http.Request) error { panic("bug") })
	})
}

// The time of a call ends exactly when it should: the clock of the test stands still while
// the sidecar works, so a slow machine changes nothing.
func TestServeHTTPTimeout(t *testing.T) {
	const timeout = 12 * time.Second
	h := newHandler(t, func(h *Handler) { h.Timeout = caddy.Duration(timeout) })
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := serve(t, h, post(sessionBody), func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		})
		assert.Equal(t, timeout, time.Since(began))
		assert.Equal(t, http.StatusGatewayTimeout, w.Code)
		assert.Equal(t, "REQUEST_TIMEOUT", refusalOf(t, w).Code)
	})
}

// Outer handlers can log the outcome.
func TestServeHTTPSetsPlaceholders(t *testing.T) {
	h := newHandler(t)
	r := post(sessionBody)
	var repl *caddy.Replacer
	serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
		repl = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		return answering(t)(w, r)
	})
	assert.Equal(t, "applyDropinSession answered", repl.ReplaceAll("{payermax.endpoint} {payermax.outcome}", ""))
}
