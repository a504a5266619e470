package redis

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// patience is how long tests wait for a condition.
const patience = time.Minute

// acknowledgement is what the application answers when it has accepted a notification.
const acknowledgement = `{"code":"SUCCESS","msg":"Success"}`

// sidecar is a separate process in front of an application.
type sidecar struct {
	*testprocess.Process
	t   *testing.T
	url string
}

// startSidecar starts a sidecar whose store is configured by these lines of its block, and
// stops it at the end of the test.
func startSidecar(t *testing.T, application, store string) *sidecar {
	t.Helper()
	return start(t, fmt.Sprintf(`payermax_store redis {
		%s
	}
	log {
		level DEBUG
	}`, strings.ReplaceAll(store, "\n", "\n\t\t")), fmt.Sprintf(`payermax_notify /callback* {
		gateway_public_key %s
		app_id app
		duplicates 1h
	}
	reverse_proxy /callback* %s`, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), application))
}

// start starts a sidecar with global options and directives.
func start(t *testing.T, global, directives string) *sidecar {
	t.Helper()
	home, address := t.TempDir(), testnet.FreeAddress(t)
	config := filepath.Join(home, "Caddyfile")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `{
	admin off
	persist_config off
	%s
}
http://%s {
	payermax_health
	metrics /metrics
	%s
}
`, global, address, directives), 0o600))
	program, err := os.Executable()
	require.NoError(t, err)

	command := exec.Command(program, "run", "--config", config)
	command.Env = append(os.Environ(), asSidecar+"=1", "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
	s := &sidecar{Process: testprocess.Start(t, command), t: t, url: "http://" + address}
	s.AwaitReady(t, func() bool { return strings.Contains(s.get("/readyz"), `"status":"ok"`) })
	return s
}

// get returns the body of the sidecar's answer to a GET, or "" if the sidecar cannot be
// reached.
func (s *sidecar) get(path string) string {
	answer, err := http.Get(s.url + path)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}

// unguarded returns how many notifications the sidecar has delivered without the guard.
func (s *sidecar) unguarded() int {
	s.t.Helper()
	found := regexp.MustCompile(`(?m)^caddy_payermax_notifications_unguarded_total (\d+)`).FindStringSubmatch(s.get("/metrics"))
	require.NotNil(s.t, found, "there is no such metric")
	count, err := strconv.Atoi(found[1])
	require.NoError(s.t, err)
	return count
}

// awaitStore waits until the sidecar reports that its store can, or cannot, be reached.
func (s *sidecar) awaitStore(reachable bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return strings.Contains(s.get("/readyz"), fmt.Sprintf(`"store":{"module":"redis","reachable":%t`, reachable))
	}, 30*time.Second, 50*time.Millisecond, "the store is not reachable: %t", reachable)
}

// startSidecars starts several sidecars with the same store.
func startSidecars(t *testing.T, count int, application, store string) []*sidecar {
	t.Helper()
	sidecars := make([]*sidecar, count)
	var starting sync.WaitGroup
	for i := range sidecars {
		starting.Go(func() { sidecars[i] = startSidecar(t, application, store) })
	}
	starting.Wait()
	return sidecars
}

// application is the receiver of the notifications. It counts how often it gets each one.
type application struct {
	*httptest.Server
	mutex sync.Mutex
	got   map[string]int
	// before, if set, is called before a notification is accepted.
	before func(body string)
}

func startApplication(t *testing.T) *application {
	a := &application{got: make(map[string]int)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it has not arrived completely
		}
		a.mutex.Lock()
		a.got[string(body)]++
		a.mutex.Unlock()
		if a.before != nil {
			a.before(string(body))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, acknowledgement)
	}))
	t.Cleanup(a.Close)
	return a
}

// address returns the application's host and port.
func (a *application) address() string { return a.Listener.Addr().String() }

// times returns how often the application got a notification.
func (a *application) times(n notification) int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.got[n.body]
}

// notification is a text with PayerMax's signature.
type notification struct{ body, signature string }

// newNotification signs a notification of an order.
func newNotification(t *testing.T, order string) notification {
	t.Helper()
	body := fmt.Sprintf(`{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":"app","notifyTime":"2026-11-28T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":%q,"status":"SUCCESS","totalAmount":10000.00}}`, order)
	signature, err := signer.Sign(t.Context(), testkeys.Gateway(), []byte(body))
	require.NoError(t, err)
	return notification{body, signature}
}

// client is PayerMax's client. Its timeout only serves to end a test that is stuck.
var client = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// deliver delivers a notification to a sidecar, and reports whether it was acknowledged.
func (n notification) deliver(to *sidecar) (acknowledged bool, status int) {
	return n.deliverWithin(context.Background(), to)
}

// deliverWithin is deliver by a sender that hangs up when the context ends.
func (n notification) deliverWithin(ctx context.Context, to *sidecar) (acknowledged bool, status int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url+"/callback", bytes.NewReader([]byte(n.body)))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Sign", n.signature)
	answer, err := client.Do(request)
	if err != nil {
		return false, 0
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return err == nil && string(body) == acknowledgement, answer.StatusCode
}
