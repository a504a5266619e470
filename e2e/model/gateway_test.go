package model

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/stretchr/testify/require"
)

// gateway stands in for PayerMax. It records what arrives, and answers each call according to the
// call's fault.
type gateway struct {
	address string
	backup  string // a second address of the gateway, which is always up
	wait    sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while it is down
	second   net.Listener // of the backup
	open     map[net.Conn]bool
	resets   bool             // whether connections are reset before anything is read
	calls    map[string]*call // the expected calls, by their number
	accepts  map[string]map[int]bool
	ahead    time.Duration // how far its clock is ahead of this machine's
	arrivals []*arrival
	faulty   []string // what arrived that is not a call
}

// arrival is a call that reached the gateway.
type arrival struct {
	*call
	at       time.Time
	appID    string
	key      int // the key that signed it, or none
	stamped  time.Time
	body     []byte
	faults   []string // what is wrong with it
	answer   []byte   // the answer, if PayerMax signed it
	refused  bool     // because the key is not accepted
	verified bool     // whether the sidecar can verify the answer
	ahead    time.Duration
}

func (a *arrival) digest() string {
	sum := sha256.Sum256(a.body)
	return hex.EncodeToString(sum[:])
}

func newGateway(t require.TestingT, address string) *gateway {
	g := &gateway{address: address, open: make(map[net.Conn]bool), calls: make(map[string]*call), accepts: make(map[string]map[int]bool)}
	g.up(t)
	g.second = g.listen(t, "127.0.0.1:0")
	g.backup = g.second.Addr().String()
	return g
}

// up starts listening, always at the same address.
func (g *gateway) up(t require.TestingT) {
	listener := g.listen(t, g.address)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener = listener
}

func (g *gateway) listen(t require.TestingT, address string) net.Listener {
	listener, err := testnet.Listen(address)
	require.NoError(t, err)
	g.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g.wait.Go(func() { g.take(conn) })
		}
	})
	return listener
}

// down stops listening and closes open connections, except on the backup address.
func (g *gateway) down() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		g.listener.Close()
		g.listener = nil
	}
	for conn := range g.open {
		if !g.isBackups(conn) {
			reset(conn)
		}
	}
}

func (g *gateway) isBackups(conn net.Conn) bool { return conn.LocalAddr().String() == g.backup }

// end stops the gateway, including the backup address.
func (g *gateway) end() {
	g.down()
	g.second.Close()
	g.set(func() {
		for conn := range g.open {
			conn.Close()
		}
	})
	g.wait.Wait()
}

// expect sets which calls may arrive.
func (g *gateway) expect(calls []*call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range calls {
		g.calls[c.number] = c
	}
}

// set changes the gateway's state under its lock.
func (g *gateway) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// since returns the arrivals without the first count, and whatever arrived that is not a call. It
// copies the arrivals, because their answers may still be pending.
func (g *gateway) since(count int) (arrivals []*arrival, faulty []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.arrivals[count:] {
		now := *a
		arrivals = append(arrivals, &now)
	}
	return arrivals, slices.Clone(g.faulty)
}

func (g *gateway) take(conn net.Conn) {
	g.mu.Lock()
	isAway := (g.listener == nil || g.resets) && !g.isBackups(conn)
	g.open[conn] = true
	g.mu.Unlock()
	defer func() {
		conn.Close()
		g.mu.Lock()
		delete(g.open, conn)
		g.mu.Unlock()
	}()
	if isAway {
		reset(conn)
		return
	}
	in := bufio.NewReader(conn)
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		r, err := http.ReadRequest(in)
		var body []byte
		if err == nil {
			body, err = io.ReadAll(r.Body)
		}
		if err != nil {
			return // half a call does not count: its sender was killed, or the gateway went down
		}
		a := g.note(r, body, conn.LocalAddr().String())
		if a == nil || !g.answer(conn, a) {
			return
		}
	}
}

// numbers matches the numbers that identify calls.
var numbers = regexp.MustCompile(`model_\d+_`)

// envelope is what the sidecar puts around the data of a call.
type envelope struct {
	Version, KeyVersion, AppID, RequestTime string
	Data                                    json.RawMessage
}

// note checks and records a call when it arrives.
func (g *gateway) note(r *http.Request, body []byte, host string) *arrival {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.calls[string(numbers.Find(body))]
	if known == nil {
		g.faulty = append(g.faulty, fmt.Sprintf("%s %s with %d bytes, which nobody has asked for", r.Method, r.URL, len(body)))
		return nil
	}
	a := &arrival{call: known, at: time.Now(), body: body, key: none, ahead: g.ahead}
	g.arrivals = append(g.arrivals, a)
	fault := func(format string, args ...any) { a.faults = append(a.faults, fmt.Sprintf(format, args...)) }

	for name := range r.Header {
		if !slices.Contains([]string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Sign", "User-Agent"}, name) {
			fault("header field %s", name)
		}
	}
	var sent envelope
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&sent); err != nil && !strings.Contains(err.Error(), "merchantNo") {
		fault("envelope: %v", err)
	}
	a.appID = sent.AppID
	if r.Method != "POST" || r.URL.String() != pathPrefix+known.endpoint || r.Host != host || r.Header.Get("Content-Type") != "application/json" {
		fault("%s %s of %s to %s", r.Method, r.URL, r.Header.Get("Content-Type"), r.Host)
	}
	if sent.AppID != known.merchant.appID {
		fault("appId %s", sent.AppID)
	}
	if string(sent.Data) != known.data {
		fault("data is not what the application has sent")
	}
	if sent.Version == "" || sent.KeyVersion != "1" {
		fault("version %q, keyVersion %q", sent.Version, sent.KeyVersion)
	}
	var err error
	if a.stamped, err = time.Parse(time.RFC3339, sent.RequestTime); err != nil {
		fault("requestTime: %v", err)
	}
	signatures := r.Header["Sign"]
	if len(signatures) == 1 {
		a.key = slices.IndexFunc(signingKeys(), func(key *rsa.PrivateKey) bool { return verifies(&key.PublicKey, body, signatures[0]) })
	}
	if a.key == none {
		fault("%d signatures, none of which verifies", len(signatures))
	}
	accepts := g.accepts[a.appID]
	a.refused = accepts != nil && !accepts[a.key]
	return a
}

// answer answers a call, and reports whether the connection stays open.
func (g *gateway) answer(conn net.Conn, a *arrival) (keep bool) {
	r := reply{ahead: a.ahead, status: 200}
	if a.refused {
		r.body = `{"code":"SIGN_VERIFY_FAILED","msg":"The signature is wrong."}`
		r.signAs(gatewayKey())
	} else {
		r.body = a.success()
		a.fault.answer(&r, a.call)
	}
	raw := r.bytes()
	switch {
	case r.stalls:
		_, _ = io.Copy(io.Discard, conn)
		return false
	case r.delay > 0:
		time.Sleep(r.delay)
	}
	g.mu.Lock()
	if r.verifies() && r.cut == 0 && !r.resets {
		a.answer, a.verified = []byte(r.body), r.passes
	}
	g.mu.Unlock()
	if r.resets {
		reset(conn)
		return false
	}
	if r.cut > 0 {
		raw = raw[:len(raw)-r.cut]
	}
	_, err := conn.Write(raw)
	return err == nil && r.cut == 0
}

// reset closes a connection with a TCP reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
