package reply

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The first final status counts, and interim ones do not.
func TestAnswerStatus(t *testing.T) {
	a := new(Answer)
	a.WriteHeader(http.StatusEarlyHints)
	assert.Zero(t, a.Status)
	a.WriteHeader(http.StatusConflict)
	a.WriteHeader(http.StatusOK)
	assert.Equal(t, http.StatusConflict, a.Status)
}

// An answer is kept up to its size limit, and not beyond.
func TestAnswerIsBounded(t *testing.T) {
	a := new(Answer)
	_, err := a.Write(make([]byte, MaxAnswerSize))
	require.NoError(t, err)
	assert.True(t, a.IsSuccess())
	_, err = a.Write([]byte("x"))
	require.Error(t, err)
	assert.True(t, a.TooLarge)
	assert.False(t, a.IsSuccess())
	assert.Len(t, a.Body, MaxAnswerSize)
}

// An answer is broken off if less has arrived than it announced.
func TestTruncatedAnswerIsBrokenOff(t *testing.T) {
	for announced, want := range map[string]bool{"": false, "0": false, "2": false, "3": true, "x": false} {
		a := &Answer{Status: http.StatusOK, Body: []byte("{}")}
		if announced != "" {
			a.Header().Set("Content-Length", announced)
		}
		assert.Equal(t, want, a.IsBrokenOff(), announced)
	}
}

// A sent answer has its own length and no trailers, and leaves no signature for the access
// log.
func TestAnswerSend(t *testing.T) {
	a := &Answer{Status: http.StatusOK, Body: []byte("{}")}
	a.Header()["Sign"] = []string{"signature"}
	a.Header().Set("Content-Length", "99")
	a.Header().Set("Trailer", "X")
	w := httptest.NewRecorder()
	a.Send(w)
	assert.Equal(t, http.Header{"Sign": {"signature"}, "Content-Length": {"2"}}, w.Result().Header)
	assert.Empty(t, w.Header()["Sign"])
	assert.Equal(t, "{}", w.Body.String())
}

// A large answer is kept as long as there is room for it.
func TestAnswerAsksForRoom(t *testing.T) {
	asked := 0
	a := &Answer{Room: func() bool { asked++; return asked <= 2 }}
	for range 3 {
		_, err := a.Write(make([]byte, AnswerStep))
		require.NoError(t, err)
	}
	assert.Equal(t, 2, asked, "the first step needs none")
	_, err := a.Write([]byte{0})
	require.Error(t, err)
	assert.True(t, a.TooLarge)
	assert.Len(t, a.Body, 3*AnswerStep)
}

// An answer with a content coding is not read: PayerMax signs the plain body.
func TestEncodedAnswerIsNotRead(t *testing.T) {
	for coding, want := range map[string]string{"": "", "identity": "", "gzip": "it has a content coding"} {
		a := &Answer{Body: []byte(`{"code":"APPLY_SUCCESS"}`)}
		a.Header().Set("Content-Encoding", coding)
		said, err := a.Read(nil)
		if want != "" {
			assert.EqualError(t, err, want, coding)
			continue
		}
		require.NoError(t, err, coding)
		assert.Equal(t, "APPLY_SUCCESS", said.Code, coding)
	}
}

// A complete 2xx is a success; a 3xx would send the application elsewhere.
func TestAnswerKinds(t *testing.T) {
	for status, want := range map[int]struct{ success, redirect bool }{
		0: {}, 199: {}, 200: {success: true}, 204: {success: true}, 299: {success: true}, 300: {redirect: true}, 304: {redirect: true}, 399: {redirect: true}, 400: {}, 502: {},
	} {
		assert.Equal(t, want.success, (&Answer{Status: status}).IsSuccess(), status)
		assert.Equal(t, want.redirect, (&Answer{Status: status}).IsRedirect(), status)
		assert.False(t, (&Answer{Status: status, TooLarge: true}).IsSuccess(), "%d, cut", status)
	}
}

// The largest answer is kept, and one that is a byte larger is not, whatever pieces it
// arrives in.
func TestAnswerAtItsBound(t *testing.T) {
	for _, piece := range []int{MaxAnswerSize, MaxAnswerSize / 4} {
		a := new(Answer)
		for range MaxAnswerSize / piece {
			_, err := a.Write(make([]byte, piece))
			assert.NoError(t, err)
		}
		assert.False(t, a.TooLarge)
		_, err := a.Write([]byte{0})
		assert.Error(t, err)
		assert.True(t, a.TooLarge)
		assert.Len(t, a.Body, MaxAnswerSize)
	}
}
