package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
)

// countedConnections counts the connections of a server.
type countedConnections struct{ opened, open atomic.Int32 }

func (c *countedConnections) note(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.opened.Add(1)
		c.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

// Connections that are never idle are replaced all the same, with any protocol. No call is
// lost or sent twice by that, and the old connections do not stay open.
func TestConnectionsAreReplaced(t *testing.T) {
	for name, test := range map[string]struct {
		versions  []string
		tls, unix bool
		major     int
	}{
		"plain":       {versions: []string{"1.1"}, major: 1},
		"Unix socket": {versions: []string{"1.1"}, unix: true, major: 1},
		"TLS":         {versions: []string{"1.1"}, tls: true, major: 1},
		"HTTP/2":      {versions: []string{"1.1", "2"}, tls: true, major: 2},
		"HTTP/2 only": {versions: []string{"2"}, tls: true, major: 2},
		"h2c":         {versions: []string{"h2c", "2"}, major: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var counted countedConnections
			var received atomic.Int32
			gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				received.Add(1)
				assert.Equal(t, test.major, r.ProtoMajor)
				time.Sleep(2 * time.Millisecond) // so that a call is under way at any time
				_, _ = io.Copy(w, r.Body)
			}))
			gateway.Config.ConnState = counted.note
			gateway.EnableHTTP2 = true
			gateway.Config.Protocols = new(http.Protocols)
			gateway.Config.Protocols.SetHTTP1(true)
			gateway.Config.Protocols.SetHTTP2(true)
			gateway.Config.Protocols.SetUnencryptedHTTP2(true)
			if test.unix {
				socket := filepath.Join(t.TempDir(), "gateway.sock")
				listener, err := net.Listen("unix", socket)
				require.NoError(t, err)
				gateway.Listener.Close()
				gateway.Listener = listener
			}
			if test.tls {
				gateway.StartTLS()
			} else {
				gateway.Start()
			}
			defer gateway.Close()

			address := gateway.Listener.Addr()
			model := &http.Transport{
				IdleConnTimeout: 300 * time.Millisecond,
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, address.Network(), address.String())
				},
			}
			url := "http://gateway.example/"
			if test.tls {
				url = "https://example.com/"
				model.TLSClientConfig = gateway.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			}
			if test.major == 2 {
				//lint:ignore SA1019 It is what Caddy does.
				require.NoError(t, http2.ConfigureTransport(model))
			}
			connections := newConnections(model, test.versions)
			connections.maxAge = 50 * time.Millisecond

			const workers = 4
			var sent atomic.Int32
			var wait sync.WaitGroup
			end, latest := time.Now().Add(time.Second), time.Now().Add(time.Minute)
			goOn := func() bool { // for 20 lives of a connection, or as long as a busy machine takes
				now := time.Now()
				return now.Before(end) || counted.opened.Load() <= workers && now.Before(latest)
			}
			for range workers {
				wait.Go(func() {
					for goOn() {
						sent.Add(1)
						r, err := http.NewRequest(http.MethodPost, url, strings.NewReader("call"))
						if !assert.NoError(t, err) {
							return
						}
						r.GetBody = nil
						answer, err := connections.present().RoundTrip(r)
						if !assert.NoError(t, err) {
							return
						}
						body, err := io.ReadAll(answer.Body)
						assert.NoError(t, err)
						assert.Equal(t, "call", string(body))
						answer.Body.Close()
					}
				})
			}
			wait.Wait()
			assert.Equal(t, sent.Load(), received.Load(), "calls sent, and calls received")
			assert.Greater(t, counted.opened.Load(), int32(workers), "connections in 20 lives of one")
			require.Eventually(t, func() bool { return counted.open.Load() == 0 }, 30*time.Second, time.Millisecond, "connections that nobody closes")
		})
	}
}

// The configured versions of HTTP are used. In plain text, HTTP/2 is used only as h2c.
func TestVersions(t *testing.T) {
	for name, test := range map[string]struct {
		versions        []string
		http1, tls, h2c bool
	}{
		"either":    {[]string{"1.1", "2"}, true, true, false},
		"HTTP/2":    {[]string{"2"}, true, true, false}, // as Caddy has it
		"h2c":       {[]string{"h2c"}, false, true, true},
		"h2c and 2": {[]string{"h2c", "2"}, false, true, true},
	} {
		spoken := newConnections(&http.Transport{}, test.versions).present().Protocols
		assert.Equal(t, test.http1, spoken.HTTP1(), name)
		assert.Equal(t, test.tls, spoken.HTTP2(), name)
		assert.Equal(t, test.h2c, spoken.UnencryptedHTTP2(), name)
	}
	assert.Nil(t, newConnections(&http.Transport{}, []string{"1.1"}).present().Protocols, "as net/http has it")
}

// A stopped config leaves no connection behind, and a config that never started has none.
func TestCleanupClosesWhatIsIdle(t *testing.T) {
	require.NoError(t, new(Transport).Cleanup())

	var counted countedConnections
	gateway := httptest.NewUnstartedServer(http.NotFoundHandler())
	gateway.Config.ConnState = counted.note
	gateway.Start()
	defer gateway.Close()
	transport := newTransport(t)
	_, r := signed(t, gateway.URL)
	answer, err := transport.RoundTrip(r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.EqualValues(t, 1, counted.open.Load(), "it is kept")
	require.NoError(t, transport.Cleanup())
	require.Eventually(t, func() bool { return counted.open.Load() == 0 }, 30*time.Second, time.Millisecond)
}

// The model itself is never used, so that anything set up for it, such as a pool of HTTP/2
// connections, holds no connection that is never closed.
func TestConnectionsLeaveTheModelAlone(t *testing.T) {
	model := &http.Transport{TLSClientConfig: new(tls.Config)}
	//lint:ignore SA1019 It is what Caddy does.
	require.NoError(t, http2.ConfigureTransport(model))
	connections := newConnections(model, []string{"1.1", "2"})
	assert.NotSame(t, model, connections.present())
	assert.NotSame(t, connections.model, connections.present())
	assert.NotContains(t, connections.present().TLSNextProto, "h2", "which is the model's pool, without pings")
	assert.NotNil(t, model.TLSNextProto["h2"])
}

// What the end of a call means for idle connections.
func TestSuspicion(t *testing.T) {
	gone, leave := context.WithCancel(context.Background())
	leave()
	late, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	for name, test := range map[string]struct {
		ctx     context.Context
		unheard bool
		waited  time.Duration
		want    bool
	}{
		"reset":                              {context.Background(), true, 0, true},
		"no answer in time":                  {late, true, patience, true},
		"on a new connection":                {late, false, patience, false},
		"broke off in its answer":            {context.Background(), false, 0, false},
		"application gone":                   {gone, true, 0, false},
		"application gone just before":       {gone, true, patience - 1, false},
		"application gone after a long wait": {gone, true, patience, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempt := delivery.Attempt{IsUnheard: func() bool { return test.unheard }}
				assert.Equal(t, test.want, isSuspect(test.ctx, attempt, time.Now().Add(-test.waited)))
			})
		})
	}
}

// Connections are used for as long as their age allows, and not a moment longer.
func TestConnectionsHaveAMaximumAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnections(&http.Transport{IdleConnTimeout: time.Second}, []string{"1.1"})
		first := c.present()
		time.Sleep(maxIdleAges*time.Second - 1)
		assert.Same(t, first, c.present())
		time.Sleep(time.Nanosecond)
		second := c.present()
		assert.NotSame(t, first, second)
		time.Sleep(maxIdleAges*time.Second - 1)
		assert.Same(t, second, c.present(), "their age begins anew")
	})
}

// However many calls hear nothing, idle connections are closed only once in the time that
// another call needs to find out.
func TestDoubtsCloseConnectionsOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnections(&http.Transport{}, []string{"1.1"})
		silent := delivery.Attempt{IsUnheard: func() bool { return true }}
		began := time.Now()
		for _, test := range []struct{ at, last time.Duration }{
			{0, 0},
			{doubtAfter - 1, 0},
			{doubtAfter, doubtAfter},
			{2*doubtAfter - 1, doubtAfter},
			{3 * doubtAfter, 3 * doubtAfter},
		} {
			time.Sleep(test.at - time.Since(began))
			c.doubt(silent)
			assert.Equal(t, test.last, c.doubted.Sub(began), "after %v", test.at)
		}
	})
}

// A call that hears nothing for some time on a connection that had been idle causes the other
// idle connections to be closed, but not repeatedly, and not if the wait has another reason.
// In the fake time of a synctest bubble, net/http keeps each connection that it may keep; in
// real time, it might not on a busy machine.
func TestDoubtClosesIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConnections(&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go answerAll(far)
			return near, nil
		}}, []string{"1.1"})
		defer c.closeIdle()
		isKept := func() bool {
			var kept bool
			trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { kept = got.Reused }}
			r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, "http://gateway.example", nil)
			require.NoError(t, err)
			answer, err := c.present().RoundTrip(r)
			require.NoError(t, err)
			answer.Body.Close()
			return kept
		}
		heard := delivery.Attempt{IsUnheard: func() bool { return false }}
		silent := delivery.Attempt{IsUnheard: func() bool { return true }}

		require.False(t, isKept())
		c.doubt(heard)
		require.True(t, isKept(), "a new connection says nothing about others")
		c.doubt(silent)
		require.False(t, isKept())
		c.doubt(silent)
		require.True(t, isKept(), "so soon after the last time")
		time.Sleep(doubtAfter)
		c.doubt(silent)
		require.False(t, isKept())
	})
}

// answerAll answers every request on a connection, until the connection is closed.
func answerAll(conn net.Conn) {
	defer conn.Close()
	for requests := bufio.NewReader(conn); ; {
		if _, err := http.ReadRequest(requests); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

// Two transports do not share the array of protocols, to which net/http appends.
func TestReplacementsShareNothing(t *testing.T) {
	c := newConnections(&http.Transport{TLSClientConfig: &tls.Config{NextProtos: make([]string, 0, 2)}}, []string{"1.1"})
	of := func() []string { return c.present().TLSClientConfig.NextProtos }
	first := append(of(), "first")
	c.replace()
	_ = append(of(), "second")
	assert.Equal(t, []string{"first"}, first)
}

// played is a transport whose connections lead to a gateway that the test plays, in a
// synctest bubble. The third call that the gateway receives gets no answer until it is
// released or broken off.
type played struct {
	*Transport
	isDown         atomic.Bool // no connection can be made
	open, heard    atomic.Int32
	both, released chan struct{}
	isBroken       atomic.Bool
}

func play(transport *Transport) *played {
	p := &played{Transport: transport, both: make(chan struct{}), released: make(chan struct{})}
	p.connections.model.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if p.isDown.Load() {
			return nil, io.ErrClosedPipe
		}
		near, far := net.Pipe()
		p.open.Add(1)
		go p.serve(far)
		return near, nil
	}
	p.connections.replace()
	return p
}

func (p *played) serve(conn net.Conn) {
	defer p.open.Add(-1)
	defer conn.Close()
	for requests := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		switch p.heard.Add(1) {
		case 1:
			<-p.both
		case 2:
			close(p.both)
		case 3:
			<-p.released
			if p.isBroken.Load() {
				return
			}
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

func (p *played) call(r *http.Request) error {
	answer, err := p.RoundTrip(r)
	if err == nil {
		err = answer.Body.Close()
	}
	return err
}

// A call that hears nothing on a connection that had been idle, on any attempt, causes the
// other idle connections to be closed: after a while, or when it fails.
func TestSilentCallClosesIdleConnections(t *testing.T) {
	for name, test := range map[string]struct {
		isSecond, fails bool
	}{
		"it waits":                    {false, false},
		"it waits, at the second try": {true, false},
		"it fails":                    {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			transport := newTransport(t)
			synctest.Test(t, func(t *testing.T) {
				p := play(transport)
				_, silent := signed(t, "http://localhost")
				if test.isSecond {
					p.isDown.Store(true)
					require.Error(t, p.call(silent))
					p.isDown.Store(false)
				}
				for range 2 {
					_, r := signed(t, "http://localhost")
					go func() { assert.NoError(t, p.call(r)) }()
				}
				synctest.Wait()
				require.EqualValues(t, 2, p.open.Load())

				ended := make(chan error, 1)
				go func() { ended <- p.call(silent) }()
				time.Sleep(doubtAfter - 1)
				synctest.Wait()
				require.EqualValues(t, 3, p.heard.Load())
				require.EqualValues(t, 2, p.open.Load(), "the gateway may just be slow")
				p.isBroken.Store(test.fails)
				if !test.fails {
					time.Sleep(time.Nanosecond)
					synctest.Wait()
					assert.EqualValues(t, 1, p.open.Load())
				}
				close(p.released)
				synctest.Wait()
				assert.Equal(t, test.fails, <-ended != nil)
				assert.Zero(t, p.open.Load())
			})
		})
	}
}

// A replaced transport keeps no connection.
func TestReplacedConnectionsAreClosed(t *testing.T) {
	transport := newTransport(t)
	synctest.Test(t, func(t *testing.T) {
		p := play(transport)
		for range 2 {
			_, r := signed(t, "http://localhost")
			go func() { assert.NoError(t, p.call(r)) }()
		}
		synctest.Wait()
		require.EqualValues(t, 2, p.open.Load())
		p.connections.maxAge = time.Second
		p.connections.model.IdleConnTimeout = time.Hour
		time.Sleep(time.Second)
		p.connections.present()
		synctest.Wait()
		assert.Zero(t, p.open.Load())
	})
}
