package notify

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every header field that could be read as the proof is removed, and no other.
func TestGuardRemovesProof(t *testing.T) {
	forged := []string{
		"Payermax-Verified", "PAYERMAX-VERIFIED", "payermax_verified", "Payermax_Verified", "Payermax.Verified", "PayermaxVerified",
		"Payermax~Verified", "-Payermax--Verified-",
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, field := range forged {
		r.Header[field] = []string{"forged"}
	}
	r.Header["Payermax-Verified-By"] = []string{"kept"}
	r.Header["Sign"] = []string{"kept"}
	r.Trailer = http.Header{"X": nil}
	header := r.Header
	err := new(Guard).ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		assert.Equal(t, http.Header{"Payermax-Verified-By": {"kept"}, "Sign": {"kept"}}, r.Header)
		assert.Nil(t, r.Trailer)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}))
	require.NoError(t, err)
	assert.Len(t, header, 2, "routes for errors get the first request, with the same header")

	r.Header["Payermax-Verified"] = []string{"ours"}
	err = new(Guard).ServeHTTP(httptest.NewRecorder(), r.WithContext(asVerified(context.Background())), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		assert.Equal(t, []string{"ours"}, r.Header["Payermax-Verified"])
		w.WriteHeader(http.StatusNoContent)
		return nil
	}))
	require.NoError(t, err)
}

// A request that no handler answers gets a 404. Other answers are not changed.
func TestGuardLeavesNothingUnanswered(t *testing.T) {
	serve := func(next caddyhttp.HandlerFunc) (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		err := new(Guard).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil), next)
		return w, err
	}
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"nothing":              func(http.ResponseWriter, *http.Request) error { return nil },
		"an interim response":  func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusEarlyHints); return nil },
		"a header and no more": func(w http.ResponseWriter, _ *http.Request) error { w.Header().Set("X", "y"); return nil },
	} {
		w, err := serve(next)
		require.NoError(t, err, name)
		if name != "an interim response" { // the recorder takes it for the final status, unlike a server
			assert.Equal(t, http.StatusNotFound, w.Code, name)
		}
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
		assert.JSONEq(t, `{"code":"NOT_FOUND","msg":"there is nothing here"}`, w.Body.String(), name)
	}
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"a status": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusNoContent); return nil },
		"a body":   func(w http.ResponseWriter, _ *http.Request) error { _, err := io.WriteString(w, "x"); return err },
		"no bytes": func(w http.ResponseWriter, _ *http.Request) error { _, err := w.Write(nil); return err },
		"a stream": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, strings.NewReader("x"))
			return err
		},
		"a flush": func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() },
		"read from": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader(""))
			return err
		},
	} {
		w, err := serve(next)
		require.NoError(t, err, name)
		assert.NotEqual(t, http.StatusNotFound, w.Code, name)
		assert.NotContains(t, w.Body.String(), "NOT_FOUND", name)
	}
	w, err := serve(func(http.ResponseWriter, *http.Request) error { return errors.New("x") })
	require.EqualError(t, err, "x")
	assert.Empty(t, w.Body.String(), "errors are left to the server")
}

// hijackable is a response whose connection can be hijacked.
type hijackable struct {
	*httptest.ResponseRecorder
	err error
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, h.err }

// A hijacked connection counts as answered.
func TestGuardAllowsHijacking(t *testing.T) {
	for _, refused := range []error{nil, http.ErrNotSupported} {
		w := hijackable{httptest.NewRecorder(), refused}
		require.NoError(t, new(Guard).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			_, _, err := http.NewResponseController(w).Hijack()
			assert.ErrorIs(t, err, refused)
			return nil
		})))
		assert.Equal(t, refused == nil, w.Body.Len() == 0)
	}
}

// The proof cannot arrive after the body either: the server adds trailers to a request when
// it reads the end of the body, announced or not.
func TestGuardRemovesTrailers(t *testing.T) {
	var trailer http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, new(Guard).ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(w, r.Body)
			trailer = r.Trailer
			return err
		})))
	}))
	defer server.Close()
	for _, announced := range []string{"", "Trailer: Payermax-Verified\r\n"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"+announced+
			"\r\n4\r\nbody\r\n0\r\nPayermax-Verified: forged\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		assert.Contains(t, string(answer), "body")
		assert.Empty(t, trailer)
	}
}
