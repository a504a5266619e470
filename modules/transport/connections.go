package transport

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
)

const (
	// maxConnectionAge is how long connections are used. Under load they are never
	// idle, so that nobody would look up the gateway's address again: a gateway
	// that moves away is left after this time. To set up a connection anew every
	// five minutes costs nothing that can be measured.
	maxConnectionAge = 5 * time.Minute
	// maxIdleAges bounds the same for whoever keeps connections for less time.
	maxIdleAges = 10

	// silence is how long an HTTP/2 connection may say nothing before it gets a ping,
	// and signOfLife how long it may take to answer that, or to take what is written.
	// Both together, less than ten seconds, are how long calls are lost on a
	// connection that has died silently.
	silence    = 4 * time.Second
	signOfLife = 5 * time.Second
	// patience is how long an application must have waited for its hanging up to
	// say something about the connection.
	patience = 5 * time.Second
	// doubtAfter is how long a call may hear nothing on a connection that had been
	// idle before the others are not used any more: they may have died with it, and
	// each would cost a call. If the gateway is only slow, connecting anew is all that
	// this costs, and at most every doubtAfter.
	doubtAfter = 5 * time.Second
)

// connections are those to the gateway. net/http keeps a connection for as long as
// it is in use, so all of them are replaced from time to time: by a new
// http.Transport, beside which the calls on the old one come to their end.
type connections struct {
	model  *http.Transport
	maxAge time.Duration

	mutex   sync.Mutex
	current *http.Transport
	since   time.Time
	doubted time.Time // when idle connections were closed for a doubt
}

// newConnections makes them after the model of a transport that has been set up for
// these versions of HTTP.
func newConnections(model *http.Transport, versions []string) *connections {
	c := &connections{model: model.Clone(), maxAge: maxConnectionAge}
	if idle := model.IdleConnTimeout; idle > 0 {
		c.maxAge = min(c.maxAge, maxIdleAges*idle)
	}
	if isClear := slices.Contains(versions, "h2c"); isClear || slices.Contains(versions, "2") {
		c.model.TLSNextProto = nil // which would share connections with the model
		c.model.Protocols = new(http.Protocols)
		c.model.Protocols.SetHTTP1(!isClear)
		c.model.Protocols.SetHTTP2(true)
		c.model.Protocols.SetUnencryptedHTTP2(isClear)
		c.model.HTTP2 = &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: signOfLife, WriteByteTimeout: signOfLife}
	}
	c.replace()
	return c
}

// present returns the transport to make a call with.
func (c *connections) present() *http.Transport {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if time.Since(c.since) >= c.maxAge {
		// Those in use are closed after their calls: at once if they are of
		// HTTP/1.1, and when they have been idle for long enough if of HTTP/2.
		go c.current.CloseIdleConnections()
		c.replace()
	}
	return c.current
}

// replace begins with a new transport.
func (c *connections) replace() {
	c.current, c.since = c.model.Clone(), time.Now()
	if config := c.current.TLSClientConfig; config != nil {
		// net/http appends to it at the first call, which may be while another transport's
		// first call does: they must not share the array.
		config.NextProtos = slices.Clone(config.NextProtos)
	}
}

// closeIdle closes connections that carry no call.
func (c *connections) closeIdle() {
	c.mutex.Lock()
	current := c.current
	c.mutex.Unlock()
	current.CloseIdleConnections()
}

// doubt closes the idle connections if a call has heard nothing on one of them.
func (c *connections) doubt(attempt delivery.Attempt) {
	if !attempt.IsUnheard() {
		return
	}
	c.mutex.Lock()
	isNew := time.Since(c.doubted) >= doubtAfter
	if isNew {
		c.doubted = time.Now()
	}
	c.mutex.Unlock()
	if isNew {
		c.closeIdle()
	}
}

// isSuspect reports whether the failure of an attempt that began at the given time
// casts doubt on the idle connections: the attempt was sent on a connection that had
// been idle as well, and heard nothing. If it failed because the application hung up,
// that counts only after the application has waited as long as patience says.
func isSuspect(ctx context.Context, attempt delivery.Attempt, began time.Time) bool {
	if errors.Is(ctx.Err(), context.Canceled) && time.Since(began) < patience {
		return false
	}
	return attempt.IsUnheard()
}
