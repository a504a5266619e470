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

// event is what happens to a sidecar while there are calls at every stage.
type event struct {
	network string // that the sidecar listens on, such as handover/; plain TCP if none
	options string // of the config, for all servers
	happens func(t *testing.T, s *sidecar, admin string)
	ends    map[stage]end // of the calls
	exits   bool          // whether the process ends
}

var (
	// allServed is what becomes of calls if nothing has happened.
	allServed = map[stage]end{idle: answered, inHeader: answered, inBody: answered, atGateway: answered, inAnswer: answered}
	// begunServed is what becomes of them if the server is replaced or ends:
	// net/http closes connections on which it has read no whole header.
	begunServed = map[stage]end{idle: unserved, inHeader: unserved, inBody: answered, atGateway: answered, inAnswer: answered}
	// noneServed is what becomes of them if the process ends before they do.
	noneServed = map[stage]end{idle: unserved, inHeader: unserved, inBody: unserved, atGateway: givenUp, inAnswer: halfAnswered}
)

const (
	reloaded   = "successfully reloaded config from file"
	notTaken   = "failed to reload config from file"
	graceEnded = "server shutdown"
)

// Signals and new configs, while calls that move money are at every stage of
// their way: each is answered or not made, and the application can tell. Only a
// process that has to end before its calls do gives some up that were made, and says
// so.
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
					c.awaitClose(t) // for the log is ahead of what it tells
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

// startWithAdmin runs a sidecar that can be given another config.
func startWithAdmin(t *testing.T, gateway *upstream, event event) (s *sidecar, admin string) {
	t.Helper()
	port, adminPort := testnet.FreePort(t), testnet.FreePort(t)
	config := strings.NewReplacer(
		"admin off", fmt.Sprintf("admin 127.0.0.1:%d\n\t%s", adminPort, event.options),
		"bind 127.0.0.1", "bind "+event.network+"127.0.0.1",
	).Replace(caddyfile(port, payermaxBlock(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})))
	return start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil), fmt.Sprintf("http://127.0.0.1:%d", adminPort)
}

// signalled sends signals and waits for a line in the log.
func signalled(line string, signals ...syscall.Signal) func(t *testing.T, s *sidecar, admin string) {
	return func(t *testing.T, s *sidecar, _ string) {
		for _, signal := range signals {
			s.Signal(t, signal)
		}
		s.AwaitLine(t, line)
	}
}

// terminated ends the process, whatever is under way.
func terminated(t *testing.T, s *sidecar, admin string) {
	signalled(graceEnded, syscall.SIGTERM)(t, s, admin)
	s.awaitEnd(t)
}

// reloadNonsense has the sidecar read a config that it cannot take.
func reloadNonsense(t *testing.T, s *sidecar, admin string) {
	require.NoError(t, os.WriteFile(s.config, []byte("{\n\tnonsense\n}\n"), 0o600))
	signalled(notTaken, syscall.SIGUSR1)(t, s, admin)
}

// loadAnew gives the sidecar its own config once more.
func loadAnew(t *testing.T, s *sidecar, admin string) {
	config, err := os.ReadFile(s.config)
	require.NoError(t, err)
	load(t, admin, "text/caddyfile", string(config))
}

// load gives a running Caddy a config.
func load(t *testing.T, admin, contentType, config string) {
	t.Helper()
	require.Empty(t, tryToLoad(t, admin, contentType, config))
}

// tryToLoad gives a running Caddy a config, and returns what it says against it, if
// anything.
func tryToLoad(t *testing.T, admin, contentType, config string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, admin+"/load", strings.NewReader(config))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Cache-Control", "must-revalidate") // or the same config would not be loaded
	// Each reload replaces the admin endpoint, and with it the connections to it.
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

// reloadByCommand runs Caddy's own command.
func reloadByCommand(t *testing.T, s *sidecar, _ string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := caddyCommand(t, ctx, nil, "reload", "--force", "--config", s.config, "--adapter", "caddyfile").CombinedOutput()
	require.NoError(t, err, "%s", out)
}
