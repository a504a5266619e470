package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
)

// tunnel is the way of one attempt through a forward proxy, until there is a connection
// to the gateway. net/http bounds the parts of it that are TCP's and TLS's, but gives the
// proxy a minute for its answer to CONNECT, and for SOCKS as long as it likes. A proxy
// that stays silent would use up the call's time, though nothing was sent.
type tunnel struct {
	within time.Duration
	giveUp context.CancelCauseFunc

	mutex sync.Mutex
	// isAwaited says that the attempt has no connection yet. The hooks of a connection
	// that comes too late for it say nothing.
	isAwaited bool
	// isLed says that it is the proxy's turn, and bound ends that.
	isLed bool
	bound *time.Timer
	conn  net.Conn // to the proxy
}

// tunnelKey is the context key of the *tunnel.
type tunnelKey struct{}

// throughTunnel returns a context for an attempt that goes through a forward proxy, which
// has so much time whenever it is its turn.
func throughTunnel(ctx context.Context, within time.Duration) (context.Context, *tunnel) {
	t := &tunnel{within: within}
	// It ends with the context around it: an answer is read for longer than an attempt takes.
	ctx, t.giveUp = context.WithCancelCause(ctx)
	ctx = context.WithValue(ctx, tunnelKey{}, t)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.await(true) },
		GotConn: func(httptrace.GotConnInfo) { t.await(false) },
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				t.lead(true)
			}
		},
		TLSHandshakeStart: func() { t.lead(false) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { // with the proxy, if there is another one to come
			if err == nil {
				t.lead(true)
			}
		},
	}), t
}

// dialInTunnel notes a new connection for the attempt that it is made for, if that goes
// through a proxy.
func dialInTunnel(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if t, ok := ctx.Value(tunnelKey{}).(*tunnel); ok && err == nil {
			t.mutex.Lock()
			t.conn = conn
			t.mutex.Unlock()
		}
		return conn, err
	}
}

// await notes whether the attempt waits for a connection.
func (t *tunnel) await(isAwaited bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.isAwaited = isAwaited
	t.turn(false)
}

// lead notes whether it is the proxy's turn.
func (t *tunnel) lead(isLed bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.turn(isLed && t.isAwaited)
}

func (t *tunnel) turn(isLed bool) {
	t.isLed = isLed
	if t.bound != nil {
		t.bound.Stop()
	}
	if isLed {
		t.bound = time.AfterFunc(t.within, t.expire)
	}
}

// expire ends the attempt, and the connection that net/http would go on waiting for.
func (t *tunnel) expire() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if !t.isLed {
		return
	}
	t.giveUp(cause.NoTunnel(t.within))
	if t.conn != nil {
		_ = t.conn.Close()
	}
}

// explain names the proxy in an error that comes while it is its turn, and ends the attempt.
// Its connection, if it comes yet, is for others.
func (t *tunnel) explain(err error) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.isLed {
		err = cause.InTunnel(err)
	}
	t.isAwaited = false
	t.turn(false)
	t.giveUp(nil)
	return err
}
