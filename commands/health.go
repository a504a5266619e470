package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// Health returns the payermax-health subcommand, which checks the health of a running
// sidecar.
func Health() caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-health",
		Usage: "[--url URL] [--timeout DURATION] [--json]",
		Short: "Asks a sidecar whether it is ready",
		Long: `
Asks a running sidecar's payermax_health and prints its answer. Use it for probes
that run a command in an image without a shell or curl. If the orchestrator can
probe by HTTP itself, use that: it starts no process.

--url is an http:// URL, or a Unix socket in Caddy's notation, followed by | and
the path: unix//run/payermax/health.sock|/readyz.

Without --url, it asks /readyz on this machine, on port 8081 or the port that
PAYERMAX_HEALTH_PORT names, as Caddyfile.example does.

The paths are /livez, /readyz and /startupz.

Exit codes: 0 if it is ready, 1 if it is not or there is no answer, 2 if the
arguments are wrong.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Example = `  $ caddy payermax-health
  $ caddy payermax-health --url http://127.0.0.1:8081/livez --timeout 500ms
  $ caddy payermax-health --url 'unix//run/payermax/health.sock|/readyz'`
			cmd.Flags().String("url", "", "URL of the probe")
			cmd.Flags().Duration("timeout", time.Second, "How long to wait for the answer in total")
			offer(cmd, "url", "http://127.0.0.1:8081/readyz", "http://127.0.0.1:8081/livez", "http://127.0.0.1:8081/startupz")
			offer(cmd, "timeout", "1s", "5s")
			answering(cmd, runHealth)
		},
	}
}

// healthy is the result of payermax-health.
type healthy struct {
	OK     bool `json:"ok"`
	Status int  `json:"status"`
	// Answer is the body of the sidecar's answer, if it is JSON.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 64 << 10

// runHealth runs payermax-health.
func runHealth(t *tool, flags caddycmd.Flags) error {
	timeout := flags.Duration("timeout")
	if timeout <= 0 {
		return errors.New("--timeout must be a positive duration such as 1s")
	}
	asked := flags.String("url")
	if asked == "" {
		port := cmp.Or(os.Getenv("PAYERMAX_HEALTH_PORT"), "8081")
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("PAYERMAX_HEALTH_PORT must be a port such as 8081, but is %q", port)
		}
		asked = "http://127.0.0.1:" + port + "/readyz"
	}
	target, transport, err := dialing(asked)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	status, answer, err := ask(ctx, target, transport)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return no{fmt.Errorf("there was no answer within %s", timeout)}
		}
		return no{err}
	}

	ok := status == http.StatusOK
	if t.json {
		result := healthy{OK: ok, Status: status}
		if json.Valid(answer) {
			result.Answer = answer
		}
		err = t.printJSON(result)
	} else {
		_, err = fmt.Fprintf(t.out, "%s\n", strings.TrimRight(string(answer), "\n"))
	}
	switch {
	case err != nil:
		return err
	case !ok && t.json:
		return no{}
	case !ok:
		return no{fmt.Errorf("it answered %d %s", status, http.StatusText(status))}
	}
	return nil
}

// dialing returns the URL to request and a transport for it, which connects directly,
// whatever proxies the environment names. A transport does not follow redirects.
func dialing(address string) (target string, transport *http.Transport, err error) {
	const expected = "--url must be like http://127.0.0.1:8081/readyz or unix//run/payermax/health.sock|/readyz"
	transport = &http.Transport{DisableKeepAlives: true}
	if strings.HasPrefix(address, "unix/") {
		socket, path, ok := strings.Cut(address, "|")
		network, parseErr := caddy.ParseNetworkAddress(socket)
		if !ok || !strings.HasPrefix(path, "/") || parseErr != nil || network.Host == "" {
			return "", nil, errors.New(expected)
		}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", network.Host)
		}
		return "http://localhost" + path, transport, nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" || parsed.Host == "" || parsed.User != nil {
		return "", nil, errors.New(expected)
	}
	return address, transport, nil
}

// ask makes the request and returns the status and the body of the answer.
func ask(ctx context.Context, target string, transport *http.Transport) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, err
}
