package e2e

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// stage is how far a call has got when something happens to it.
type stage string

const (
	idle      stage = "idle"           // not begun, on a connection that has already served a call
	inHeader  stage = "in the header"  // half of the header has arrived
	inBody    stage = "in the body"    // half of the body has arrived
	atGateway stage = "at the gateway" // the gateway has the call, and takes its time
	inAnswer  stage = "in the answer"  // the application has begun to read the answer, and the sidecar waits for it to continue
)

// stages lists all stages, the earliest first.
var stages = []stage{idle, inHeader, inBody, atGateway, inAnswer}

// end is how a call has ended.
type end string

const (
	answered     end = "answered"      // as it should be; the call was made once
	unserved     end = "unserved"      // the connection was closed, and the call was not made
	givenUp      end = "given up"      // the call was made once, and the application was told that the outcome is unknown, if there was time
	halfAnswered end = "half answered" // the call was made once, and the application got part of the answer
)

// largeSuccess is an answer of the maximum size, too large for the buffers of a connection.
var largeSuccess = sync.OnceValue(func() string {
	const maxAnswer = 1 << 20
	return success + strings.Repeat(" ", maxAnswer-len(success))
})

// stagedGateway is a gateway that keeps calls at their stages.
type stagedGateway struct {
	*upstream
	release chan struct{} // closed to answer the calls at the gateway
	gone    chan struct{} // receives one value for each connection that the sidecar gave up
}

func newStagedGateway(t *testing.T) *stagedGateway {
	t.Helper()
	g := &stagedGateway{newPaymentUpstream(t), make(chan struct{}), make(chan struct{}, 100)}
	large := sync.OnceValue(func() []byte { return signed(largeSuccess()) })
	g.answers(func(conn net.Conn, r *request) bool {
		switch {
		case bytes.Contains(r.body, []byte(word(atGateway))):
			return g.hold(conn, r)
		case bytes.Contains(r.body, []byte(word(inAnswer))):
			return answerWith(large())(conn, r)
		default:
			return answerWith(signed(success))(conn, r)
		}
	})
	return g
}

// word returns the prefix of the numbers of calls that are meant for a stage.
func word(at stage) string { return strings.ReplaceAll(string(at), " ", "_") }

// hold answers when it is told to, and notices when nobody waits for the answer any more.
func (g *stagedGateway) hold(conn net.Conn, r *request) bool {
	gone := make(chan struct{})
	go func() {
		untilClosed(conn)
		close(gone)
	}()
	select {
	case <-g.release:
		return successAndClose(conn, r)
	case <-gone:
		g.gone <- struct{}{}
		return false
	}
}

// staged is a call that has reached its stage.
type staged struct {
	*client
	at     stage
	number string
	rest   string // the rest of the request
}

// begin brings a call to a stage and leaves it there.
func (g *stagedGateway) begin(t *testing.T, s *sidecar, at stage, endpoint string) staged {
	t.Helper()
	raw, number := payment(endpoint, word(at))
	header := strings.Index(raw, "\r\n\r\n")
	sent := map[stage]int{idle: 0, inHeader: header / 2, inBody: (header + len(raw)) / 2, atGateway: len(raw), inAnswer: len(raw)}[at]
	c := staged{s.dialNarrowly(t), at, number, raw[sent:]}
	if at == idle {
		requireSuccess(t, c.client.send(t, post(validBody())))
	}
	_, err := io.WriteString(c.conn, raw[:sent])
	require.NoError(t, err)
	switch at {
	case atGateway:
		await(t, patience, "the call at the gateway", func() bool { return len(g.about(number)) == 1 })
	case inAnswer:
		_, err = c.in.Peek(1)
		require.NoError(t, err)
	}
	return c
}

// awaitClose waits until the sidecar closes the connection, on which no more bytes may arrive.
func (c staged) awaitClose(t *testing.T) {
	t.Helper()
	_, err := c.in.Peek(1)
	require.ErrorIs(t, err, io.EOF)
}

// requireEnd does the application's part of the rest of a call and checks how the call ends.
func (c staged) requireEnd(t *testing.T, s *sidecar, g *stagedGateway, want end) {
	t.Helper()
	defer c.conn.Close()
	res, err := c.roundTrip(c.rest)
	made := len(g.about(c.number))
	switch want {
	case answered:
		require.NoError(t, err, c.number)
		require.Equal(t, http.StatusOK, res.status, "%s", res.raw)
		assert.NoError(t, verify(&testkeys.Gateway().PublicKey, res.body, res.header.Get("Sign")))
		assert.Equal(t, 1, made, c.number)
		s.requireLogged(t, res, "answered")
	case unserved:
		assert.Error(t, err, c.number)
		assert.Nil(t, res, c.number)
		assert.Zero(t, made, c.number)
	case givenUp:
		if err == nil {
			requireRefusal(t, res, http.StatusBadGateway, "REQUEST_TIMEOUT")
			s.requireLogged(t, res, "unknown")
		}
		assert.Equal(t, 1, made, c.number)
	case halfAnswered:
		require.Error(t, err, c.number)
		require.NotNil(t, res, c.number)
		assert.Less(t, len(res.body), len(largeSuccess()))
		assert.Equal(t, 1, made, c.number)
		s.requireLogged(t, res, "answered")
	}
}

// dialNarrowly is like dial, but the connection has very small buffers, so a writer soon waits for
// the reader.
func (s *sidecar) dialNarrowly(t *testing.T) *client {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		const segment, buffer = 600, 4096 // bytes
		failed := raw.Control(func(socket uintptr) {
			if err = syscall.SetsockoptInt(int(socket), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment); err == nil {
				err = syscall.SetsockoptInt(int(socket), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer)
			}
		})
		if failed != nil {
			return failed
		}
		return err
	}}
	conn, err := dialer.Dial("tcp", s.addr)
	require.NoError(t, err)
	return newClient(conn)
}
