package handover

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/farewell"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

func init() { caddy.RegisterModule(new(numbered)) }

// numbered is a handler that answers with the number of its config.
type numbered struct {
	Number int `json:"number"`
}

func (*numbered) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.numbered", New: func() caddy.Module { return new(numbered) }}
}

func (n *numbered) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	_, err := io.WriteString(farewell.Announce(w, r), strconv.Itoa(n.Number))
	return err
}

// load loads a config with one server for each port.
func load(t *testing.T, number int, ports ...string) error {
	t.Helper()
	servers := make(map[string]any)
	for _, port := range ports {
		servers[port] = map[string]any{
			"listen": []string{network + "/127.0.0.1:" + port},
			"routes": []any{map[string]any{"handle": []any{map[string]any{"handler": "numbered", "number": number}}}},
		}
	}
	config, err := json.Marshal(map[string]any{
		"admin":   map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"level": "PANIC"}}},
		"apps":    map[string]any{"http": map[string]any{"servers": servers}},
	})
	require.NoError(t, err)
	return caddy.Load(config, true)
}

// start loads the first config, and stops the last one at the end of the test.
func start(t *testing.T, ports ...string) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	require.NoError(t, load(t, 1, ports...))
	t.Cleanup(func() {
		require.NoError(t, caddy.Stop())
		require.Eventually(t, func() bool {
			process.mutex.Lock()
			defer process.mutex.Unlock()
			return len(process.byAddress) == 0
		}, 30*time.Second, time.Millisecond, "sockets are left")
	})
}

// ask returns what a server answers, and whether the connection is closed then.
func ask(t *testing.T, client *http.Client, port string) (number string, closed bool) {
	t.Helper()
	res, err := client.Get("http://127.0.0.1:" + port)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body), res.Close
}

func newClient(t *testing.T) *http.Client {
	client := &http.Client{Transport: new(http.Transport)}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// All sockets of a config are handed over within one grace period.
func TestSocketsAreHandedOverTogether(t *testing.T) {
	const count = 20
	ports := make([]string, count)
	for i := range ports {
		ports[i] = strconv.Itoa(testnet.FreePort(t))
	}
	start(t, ports...)

	began := time.Now()
	require.NoError(t, load(t, 2, ports...))
	assert.GreaterOrEqual(t, time.Since(began), grace)
	assert.Len(t, handedOver(), 1, "times at which the old config has had its grace")
	for _, port := range ports {
		number, closed := ask(t, newClient(t), port)
		assert.Equal(t, "2", number)
		assert.False(t, closed)
	}
}

// handedOver returns the times from which the newest listeners get their connections.
func handedOver() map[time.Time]bool {
	process.mutex.Lock()
	defer process.mutex.Unlock()
	times := make(map[time.Time]bool)
	for _, socket := range process.byAddress {
		times[socket.newest().ready] = true
	}
	return times
}

// As soon as the first socket is handed over, all servers of the old config announce it on
// their connections.
func TestOldServersAnnounceTheirEnd(t *testing.T) {
	ports := []string{strconv.Itoa(testnet.FreePort(t)), strconv.Itoa(testnet.FreePort(t)), strconv.Itoa(testnet.FreePort(t))}
	start(t, ports...)
	for before := 1; before < 100; before++ {
		clients := make(map[string]*http.Client)
		for _, port := range ports {
			clients[port] = newClient(t)
			number, closed := ask(t, clients[port], port)
			require.Equal(t, strconv.Itoa(before), number)
			require.False(t, closed)
		}
		loaded := make(chan error, 1)
		go func() { loaded <- load(t, before+1, ports...) }()
		inTime := announced(t, clients, strconv.Itoa(before))
		require.NoError(t, <-loaded)
		for port, client := range clients {
			number, closed := ask(t, client, port)
			assert.Equal(t, strconv.Itoa(before+1), number)
			assert.False(t, closed)
		}
		if inTime {
			return
		}
	}
	assert.Fail(t, "the machine was never quick enough to ask all servers within the grace")
}

// announced checks that each server of the old config announces its end from the moment that
// the first one does. It returns false if the test could not observe that: on a busy machine,
// the grace period may be over before each server has been asked.
func announced(t *testing.T, clients map[string]*http.Client, before string) (inTime bool) {
	t.Helper()
	var last time.Time // when a server was last asked and did not announce it
	isEnding := false
	for port, client := range clients {
		for asked := time.Now(); ; asked = time.Now() {
			number, closed := ask(t, client, port)
			if !last.IsZero() && time.Since(last) >= grace {
				return false
			}
			if !isEnding && number == before && !closed {
				last = asked
				continue
			}
			assert.Equal(t, before, number, port)
			assert.True(t, closed, port)
			isEnding = true
			break
		}
	}
	return !last.IsZero()
}

// A config that cannot start gives all sockets back, including those that it had not asked
// for yet, in whichever order Caddy starts its servers.
func TestFailedConfigGivesSocketsBack(t *testing.T) {
	ports := []string{strconv.Itoa(testnet.FreePort(t)), strconv.Itoa(testnet.FreePort(t)), strconv.Itoa(testnet.FreePort(t))}
	start(t, ports...)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	impossible := append([]string{strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)}, ports...)
	kept := newClient(t)
	for i := range 8 {
		require.ErrorContains(t, load(t, 2, impossible...), "address already in use")
		for _, port := range ports {
			for _, client := range []*http.Client{kept, newClient(t)} {
				number, closed := ask(t, client, port)
				assert.Equal(t, "1", number, fmt.Sprint(i))
				assert.False(t, closed)
			}
		}
	}
	require.NoError(t, load(t, 3, ports...))
	number, _ := ask(t, newClient(t), ports[0])
	assert.Equal(t, "3", number)
}

// A config may ask for fewer sockets than the one before, or more.
func TestSocketsComeAndGo(t *testing.T) {
	first, second, third := strconv.Itoa(testnet.FreePort(t)), strconv.Itoa(testnet.FreePort(t)), strconv.Itoa(testnet.FreePort(t))
	start(t, first, second)
	require.NoError(t, load(t, 2, second, third))
	for _, port := range []string{second, third} {
		number, _ := ask(t, newClient(t), port)
		assert.Equal(t, "2", number)
	}
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", "127.0.0.1:"+first)
		return err != nil
	}, 30*time.Second, time.Millisecond)
}
