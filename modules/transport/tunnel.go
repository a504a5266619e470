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

// tunnel is the path of one attempt through a forward proxy, until there is a connection to
// the gateway. net/http has timeouts for the TCP and TLS parts of it, but gives the proxy a
// minute to answer CONNECT, and unlimited time for SOCKS. A silent proxy would use up the
// call's time, although nothing was sent.
type tunnel struct {
	within time.Duration
	giveUp context.CancelCauseFunc

	mutex sync.Mutex
	// isAwaited reports whether the attempt is still waiting for a connection. The hooks of a
	// connection that arrives too late for it are ignored.
	isAwaited bool
	// isLed reports whether the proxy must act next; bound then limits its time.
	isLed bool
	bound *time.Timer
	conn  net.Conn // to the proxy
}

// tunnelKey is the context key of the *tunnel.
type tunnelKey struct{}

// throughTunnel returns a context for an attempt through a forward proxy. The proxy has the
// time within whenever it must act.
func throughTunnel(ctx context.Context, within time.Duration) (context.Context, *tunnel) {
	t := &tunnel{within: within}
	// It ends with its parent context: reading an answer takes longer than an attempt.
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
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { // this is the handshake with the proxy, if another follows
			if err == nil {
				t.lead(true)
			}
		},
	}), t
}

// dialInTunnel records a new connection in the tunnel of the attempt that it is made for, if
// the attempt goes through a proxy.
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

// await records whether the attempt is waiting for a connection.
func (t *tunnel) await(isAwaited bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.isAwaited = isAwaited
	t.turn(false)
}

// lead records whether the proxy must act next.
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

// expire ends the attempt, and closes the connection that net/http would still wait for.
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

// explain attributes an error to the proxy if the proxy had to act next, and ends the
// attempt. If its connection is established later, other calls use it.
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
