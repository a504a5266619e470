package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// traffic is a group of applications that each make one call after the other.
type traffic struct {
	addr    string
	how     listening
	trusted *tls.Config

	applications sync.WaitGroup
	stopping     atomic.Bool
	answered     atomic.Int64
	closed       atomic.Int64 // connections closed without an answer
}

// caller is a client that makes calls on its current connection until it hangs up.
type caller interface {
	call(t *testing.T)
	hangUp()
}

// startTraffic starts a few applications that make calls.
func startTraffic(t *testing.T, addr string, how listening, ca authority) *traffic {
	traffic := &traffic{addr: addr, how: how, trusted: &tls.Config{ServerName: "127.0.0.1", RootCAs: ca.Pool()}}
	for range 4 {
		traffic.applications.Go(func() {
			app := traffic.newApplication()
			defer app.hangUp()
			for !traffic.stopping.Load() {
				app.call(t)
			}
		})
	}
	return traffic
}

func (traffic *traffic) newApplication() caller {
	if traffic.how.http2 {
		return &http2Application{traffic, &http.Client{
			Transport: &http.Transport{TLSClientConfig: traffic.trusted.Clone(), ForceAttemptHTTP2: true},
			Timeout:   2 * time.Minute,
		}}
	}
	return &http1Application{traffic: traffic}
}

// awaitAnswers waits for the given number of additional answers.
func (traffic *traffic) awaitAnswers(t *testing.T, count int64) {
	t.Helper()
	enough := traffic.answered.Load() + count
	await(t, patience, "answers", func() bool { return traffic.answered.Load() >= enough })
}

// stop ends the traffic, and waits for the last calls.
func (traffic *traffic) stop() {
	traffic.stopping.Store(true)
	traffic.applications.Wait()
}

// http1Application keeps its connection until it is told that it will be closed, or until it has
// not used it recently.
type http1Application struct {
	traffic *traffic
	*client
	used time.Time
}

// handover is for how long a server that is being replaced tells its clients so.
const handover = 200 * time.Millisecond

func (a *http1Application) call(t *testing.T) {
	if a.client != nil && time.Since(a.used) > handover/2 { // too late to reuse it, on a busy machine
		a.hangUp()
	}
	since := time.Now()
	if a.client != nil {
		since = a.used
	} else if err := a.connect(); err != nil {
		a.lose(t, since, err)
		return
	}
	var fields []string
	if a.traffic.how.newEach {
		fields = append(fields, "Connection: close")
	}
	a.used = time.Now() // before the answer is written, which is the server's last chance to announce anything
	res, err := a.roundTrip(post(validBody(), fields...))
	if err != nil {
		a.lose(t, since, err)
		a.hangUp()
		return
	}
	a.traffic.answered.Add(1)
	assert.Equal(t, http.StatusOK, res.status, "%s", res.raw)
	if res.close {
		a.hangUp()
	}
}

// lose counts a connection that was closed before there was an answer, unless the server could not
// announce the close: it accepted the connection, or answered on it, before it was replaced, and no
// further request had arrived when the handover ended. It may have read one since, but does not
// serve it (net/http, shuttingDown). On a busy machine that much time may pass anywhere, for
// example within a TLS handshake.
func (a *http1Application) lose(t *testing.T, since time.Time, err error) {
	silent := time.Since(since)
	t.Logf("a connection was closed %v after the last that was heard on it: %v", silent, err)
	if silent < handover {
		a.traffic.closed.Add(1)
	}
}

// connect opens a connection.
func (a *http1Application) connect() error {
	conn, err := net.Dial("tcp", a.traffic.addr)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(conn, a.traffic.how.greeting); err == nil && a.traffic.how.tls {
		secure := tls.Client(conn, a.traffic.trusted)
		conn, err = secure, secure.Handshake()
	}
	if err != nil {
		conn.Close()
		return err
	}
	a.client = newClient(conn)
	return nil
}

func (a *http1Application) hangUp() {
	if a.client != nil {
		a.conn.Close()
		a.client = nil
	}
}

// http2Application makes its calls with the standard library, which switches to a new connection
// when the server says that it will close the current one.
type http2Application struct {
	traffic *traffic
	http    *http.Client
}

func (a *http2Application) call(t *testing.T) {
	res, err := a.http.Post("https://"+a.traffic.addr+endpointPath, "application/json", strings.NewReader(validBody()))
	if err != nil {
		t.Log(err)
		a.traffic.closed.Add(1)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	assert.NoError(t, err)
	assert.Equal(t, 2, res.ProtoMajor)
	assert.Equal(t, http.StatusOK, res.StatusCode, "%s", body)
	a.traffic.answered.Add(1)
}

func (a *http2Application) hangUp() { a.http.CloseIdleConnections() }
