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
	// maxConnectionAge is how long connections are used. Under load they are never idle, so
	// the gateway's address would never be looked up again. With this limit, a gateway that
	// has moved is left after this time at the latest. A new connection every five minutes
	// has no measurable cost.
	maxConnectionAge = 5 * time.Minute
	// maxIdleAges is the maximum age in idle timeouts, for configs whose idle timeout is
	// shorter than the default.
	maxIdleAges = 10

	// silence is how long an HTTP/2 connection may be silent before it gets a ping.
	// signOfLife is how long the connection may take to answer the ping, or to accept written
	// data. Together, less than ten seconds, they bound how long calls are lost on a
	// connection that has died silently.
	silence    = 4 * time.Second
	signOfLife = 5 * time.Second
	// patience is how long an application must have waited before its hanging up casts doubt
	// on the connection.
	patience = 5 * time.Second
	// doubtAfter is how long a call may hear nothing on a connection that had been idle
	// before the other idle connections are closed: they may have died with it, and each of
	// them would cost a call. If the gateway is merely slow, this only costs new connections,
	// and at most once per doubtAfter.
	doubtAfter = 5 * time.Second
)

// connections holds the connections to the gateway. net/http keeps a connection for as long
// as it is in use, so all of them are replaced from time to time by a new http.Transport,
// while the calls on the old one finish.
type connections struct {
	model  *http.Transport
	maxAge time.Duration

	mutex   sync.Mutex
	current *http.Transport
	since   time.Time
	doubted time.Time // when idle connections were last closed because of a doubt
}

// newConnections returns connections that use copies of the model, a transport that has been
// set up for these versions of HTTP.
func newConnections(model *http.Transport, versions []string) *connections {
	c := &connections{model: model.Clone(), maxAge: maxConnectionAge}
	if idle := model.IdleConnTimeout; idle > 0 {
		c.maxAge = min(c.maxAge, maxIdleAges*idle)
	}
	if isClear := slices.Contains(versions, "h2c"); isClear || slices.Contains(versions, "2") {
		c.model.TLSNextProto = nil // it would share connections with the model
		c.model.Protocols = new(http.Protocols)
		c.model.Protocols.SetHTTP1(!isClear)
		c.model.Protocols.SetHTTP2(true)
		c.model.Protocols.SetUnencryptedHTTP2(isClear)
		c.model.HTTP2 = &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: signOfLife, WriteByteTimeout: signOfLife}
	}
	c.replace()
	return c
}

// present returns the transport to use for a call.
func (c *connections) present() *http.Transport {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if time.Since(c.since) >= c.maxAge {
		// Connections in use are closed after their calls: HTTP/1.1 connections at once,
		// HTTP/2 connections when they have been idle long enough.
		go c.current.CloseIdleConnections()
		c.replace()
	}
	return c.current
}

// replace starts a new transport.
func (c *connections) replace() {
	c.current, c.since = c.model.Clone(), time.Now()
	if config := c.current.TLSClientConfig; config != nil {
		// net/http appends to this slice on a transport's first call. Two transports may make
		// their first calls at the same time, so they must not share the array.
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

// isSuspect reports whether the failure of an attempt that began at the given time casts
// doubt on the idle connections. It does if the attempt was sent on a connection that had
// itself been idle, and heard nothing. If the attempt failed because the application hung up,
// this counts only if the application had waited for at least patience.
func isSuspect(ctx context.Context, attempt delivery.Attempt, began time.Time) bool {
	if errors.Is(ctx.Err(), context.Canceled) && time.Since(began) < patience {
		return false
	}
	return attempt.IsUnheard()
}
