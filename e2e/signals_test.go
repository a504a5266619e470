package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// event is something that happens to a sidecar while there are calls at every stage.
type event struct {
	network string // what the sidecar listens on, such as handover/; plain TCP if empty
	options string // for all servers
	happens func(t *testing.T, s *sidecar, admin string)
	ends    map[stage]end // how the calls end
	exits   bool          // the process exits
}

var (
	// allServed is how calls end if nothing happens.
	allServed = map[stage]end{idle: answered, inHeader: answered, inBody: answered, atGateway: answered, inAnswer: answered}
	// begunServed is how they end if the server is replaced or ends: net/http closes connections on
	// which it has not read a complete header.
	begunServed = map[stage]end{idle: unserved, inHeader: unserved, inBody: answered, atGateway: answered, inAnswer: answered}
	// noneServed is how they end if the process exits first.
	noneServed = map[stage]end{idle: unserved, inHeader: unserved, inBody: unserved, atGateway: givenUp, inAnswer: halfAnswered}
)

const (
	reloaded   = "successfully reloaded config from file"
	notTaken   = "failed to reload config from file"
	graceEnded = "server shutdown"
)

// Signals and new configs arrive while calls that move money are at every stage. Each call is
// answered or not made, and the application can tell which. Only a process that must exit before
// its calls finish gives up calls that were made, and says so.
func TestEventsAtEveryStage(t *testing.T) {
	for name, event := range map[string]event{
		"SIGHUP, SIGUSR2, SIGPIPE": {happens: signalled("not implemented", syscall.SIGPIPE, syscall.SIGUSR2, syscall.SIGHUP), ends: allServed},

		"SIGUSR1":             {happens: signalled(reloaded, syscall.SIGUSR1), ends: begunServed},
		"SIGUSR1, handover":   {network: "handover/", happens: signalled(reloaded, syscall.SIGUSR1), ends: begunServed},
		"SIGUSR1, grace ends": {options: "grace_period 1s", happens: signalled(graceEnded, syscall.SIGUSR1), ends: begunServed},
		"SIGUSR1, bad config": {happens: reloadNonsense, ends: allServed},
		"POST /load":          {happens: loadAnew, ends: begunServed},
		"caddy reload":        {happens: reloadByCommand, ends: begunServed},

		"SIGTERM":             {happens: signalled("servers shutting down", syscall.SIGTERM), ends: begunServed, exits: true},
		"SIGTERM, grace ends": {options: "grace_period 1s", happens: terminated, ends: noneServed, exits: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newStagedGateway(t)
			s, admin := startWithAdmin(t, gateway.upstream, event)
			var calls []staged
			for _, at := range stages {
				for endpoint := range moving {
					calls = append(calls, gateway.begin(t, s, at, endpoint))
				}
			}

			event.happens(t, s, admin)
			for _, c := range calls {
				if c.at == idle && event.ends[idle] == unserved {
					c.awaitClose(t) // the log line comes before the connection is closed
				}
			}
			close(gateway.release)
			for _, c := range calls {
				c.requireEnd(t, s, gateway, event.ends[c.at])
			}
			s.awaitCalls(t, len(gateway.received()), "")

			switch {
			case !event.exits:
				requireSuccess(t, s.post(t, validBody()))
			case !s.told:
				s.awaitEnd(t)
			}
		})
	}
}

// startWithAdmin runs a sidecar that can be given a new config.
func startWithAdmin(t *testing.T, gateway *upstream, event event) (s *sidecar, admin string) {
	t.Helper()
	port, adminPort := testnet.FreePort(t), testnet.FreePort(t)
	config := strings.NewReplacer(
		"admin off", fmt.Sprintf("admin 127.0.0.1:%d\n\t%s", adminPort, event.options),
		"bind 127.0.0.1", "bind "+event.network+"127.0.0.1",
	).Replace(caddyfile(port, payermaxBlock(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})))
	return start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil), fmt.Sprintf("http://127.0.0.1:%d", adminPort)
}

// signalled returns a function that sends signals and waits for a line in the log.
func signalled(line string, signals ...syscall.Signal) func(t *testing.T, s *sidecar, admin string) {
	return func(t *testing.T, s *sidecar, _ string) {
		for _, signal := range signals {
			s.Signal(t, signal)
		}
		s.AwaitLine(t, line)
	}
}

// terminated ends the process, whatever calls are in flight.
func terminated(t *testing.T, s *sidecar, admin string) {
	signalled(graceEnded, syscall.SIGTERM)(t, s, admin)
	s.awaitEnd(t)
}

// reloadNonsense makes the sidecar read a config that it cannot load.
func reloadNonsense(t *testing.T, s *sidecar, admin string) {
	require.NoError(t, os.WriteFile(s.config, []byte("{\n\tnonsense\n}\n"), 0o600))
	signalled(notTaken, syscall.SIGUSR1)(t, s, admin)
}

// loadAnew loads the sidecar's own config again.
func loadAnew(t *testing.T, s *sidecar, admin string) {
	config, err := os.ReadFile(s.config)
	require.NoError(t, err)
	load(t, admin, "text/caddyfile", string(config))
}

// load loads a config into a running Caddy.
func load(t *testing.T, admin, contentType, config string) {
	t.Helper()
	require.Empty(t, tryToLoad(t, admin, contentType, config))
}

// tryToLoad loads a config into a running Caddy, and returns the error message, or "".
func tryToLoad(t *testing.T, admin, contentType, config string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, admin+"/load", strings.NewReader(config))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Cache-Control", "must-revalidate") // without this, an unchanged config would not be loaded
	// Each reload replaces the admin endpoint, and so closes its connections.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	if answer.StatusCode == http.StatusOK {
		return ""
	}
	return answer.Status + ": " + string(said)
}

// reloadByCommand runs Caddy's reload command.
func reloadByCommand(t *testing.T, s *sidecar, _ string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := caddyCommand(t, ctx, nil, "reload", "--force", "--config", s.config, "--adapter", "caddyfile").CombinedOutput()
	require.NoError(t, err, "%s", out)
}
