package payermax

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connected is a response recorder that also records the read deadlines that are set.
type connected struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *connected) SetReadDeadline(end time.Time) error {
	c.deadlines = append(c.deadlines, end)
	return nil
}

// A body must arrive within the call's timeout, unless the server allows less. Afterwards
// the connection has no read deadline.
func TestBodyMustArriveWithinTimeout(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Timeout = caddy.Duration(time.Minute) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(h.Timeout))
	defer cancel()
	end, _ := ctx.Deadline()
	for readTimeout, want := range map[time.Duration][]time.Time{
		0:               {end, {}},
		2 * time.Minute: {end, {}},
		time.Minute:     nil,
		time.Second:     nil,
	} {
		server := &caddyhttp.Server{ReadTimeout: caddy.Duration(readTimeout)}
		r := post(sessionBody).WithContext(context.WithValue(ctx, caddyhttp.ServerCtxKey, server))
		w := &connected{ResponseRecorder: httptest.NewRecorder()}
		body, err := h.read(w, r)
		require.NoError(t, err)
		assert.Equal(t, sessionBody, string(body))
		assert.Equal(t, want, w.deadlines, readTimeout)
	}
}

// The refusal says what kept a body from arriving, and which limit it has exceeded.
func TestBodyThatDoesNotArrive(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MaxBodySize = 1 << 10 })
	for says, err := range map[string]error{
		"the body is incomplete":                                                    io.ErrUnexpectedEOF,
		"the complete body did not arrive in time":                                  os.ErrDeadlineExceeded,
		"the body is larger than the 1024 bytes that max_body_size allows":          &http.MaxBytesError{Limit: 1 << 10},
		"the body is larger than the 10 bytes that a request_body directive allows": caddyhttp.Error(http.StatusRequestEntityTooLarge, &http.MaxBytesError{Limit: 10}),
	} {
		r := post(sessionBody)
		r.Body = io.NopCloser(iotest.ErrReader(err))
		_, got := h.read(httptest.NewRecorder(), r)
		assert.ErrorContains(t, got, says)
	}
}
