package model

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// settings are the parts of a config that vary.
type settings struct {
	follows    bool // follow_gateway_clock
	duplicates bool // whether notifications are delivered once
	backup     bool // whether the gateway has a second address
	retries    bool // whether calls that may be repeated are repeated there
	rate       int  // calls a second, with a burst of twice as many; 0 is no limit
}

// sidecar is the process, and its fixed addresses.
type sidecar struct {
	addresses
	*testprocess.Process
	folder   string
	buffered bool
}

// addresses are the addresses that a sidecar listens at, and that of the gateway, which goes down
// and up again. No other test gets them meanwhile.
type addresses struct{ calls, site, metrics, admin, gateway string }

func newAddresses(t *testing.T) addresses {
	free := func() string { return testnet.FreeAddress(t) }
	return addresses{free(), free(), free(), free(), free()}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// config returns the Caddyfile of a world.
func (w *world) config(s settings) string {
	var out strings.Builder
	out.WriteString("{\n\tadmin " + w.sidecar.admin + "\n\tpersist_config off\n\tgrace_period 5s\n")
	if w.sidecar.buffered {
		out.WriteString("\tlog {\n\t\toutput payermax_buffered\n\t\tformat json\n\t}\n")
	}
	gateway := "http://" + w.gateway.address
	if s.backup {
		gateway += " http://" + w.gateway.backup
	}
	if s.retries {
		gateway += "\n\t\tretry_repeatable"
	}
	fmt.Fprintf(&out, "}\nhttp://:%s {\n\tbind handover/127.0.0.1\n\tpayermax {\n\t\tgateway %s\n\t\tgateway_public_key %s\n\t\tendpoints drop_in\n\t\ttimeout %s\n",
		port(w.sidecar.calls), gateway, w.gatewayFile, timeout)
	if s.follows {
		out.WriteString("\t\tfollow_gateway_clock\n")
	}
	for _, m := range w.merchants {
		fmt.Fprintf(&out, "\t\tmerchant {\n\t\t\tmatch header X-Shop %s\n\t\t\tapp_id %s\n\t\t\tprivate_key %s\n\t\t\tnext_private_key %s\n\t\t}\n",
			m.name, m.appID, m.file, m.next)
	}
	out.WriteString("\t\tlimits {\n\t\t\tcaller_id {http.request.header.X-Caller}\n")
	if s.rate > 0 {
		fmt.Fprintf(&out, "\t\t\trate %d %d\n", s.rate, 2*s.rate)
	}
	fmt.Fprintf(&out, "\t\t\tcaller %s {\n\t\t\t\tmax_amount IDR %d\n\t\t\t}\n\t\t\tcaller %s {\n\t\t\t\tendpoints orderQuery refundQuery\n\t\t\t}\n\t\t}\n\t}\n}\n",
		shop, maxAmount, backOffice)
	fmt.Fprintf(&out, "http://:%s {\n\tbind handover/127.0.0.1\n\tpayermax_notify /callback* {\n\t\tgateway_public_key %s\n\t\tapp_id %s\n\t\tack after\n",
		port(w.sidecar.site), w.gatewayFile, w.merchants[0].appID)
	if s.duplicates {
		out.WriteString("\t\tduplicates 1h\n")
	}
	fmt.Fprintf(&out, "\t}\n\treverse_proxy %s\n}\nhttp://:%s {\n\tbind handover/127.0.0.1\n\tpayermax_health /readyz\n\tmetrics /metrics\n}\n",
		w.app.address, port(w.sidecar.metrics))
	return out.String()
}

// start runs the process with a config, and waits until it serves.
func (s *sidecar) start(t *rapid.T, config string) {
	file := filepath.Join(s.folder, "Caddyfile")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	cmd := exec.Command(binary, "run", "--config", file)
	cmd.Dir = s.folder
	cmd.Env = []string{"HOME=" + s.folder, "XDG_CONFIG_HOME=" + s.folder, "XDG_DATA_HOME=" + s.folder, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	s.Process = testprocess.Start(t, cmd)
	s.AwaitServing(t, s.calls, s.site, s.metrics, s.admin)
}

// load loads a config through the admin endpoint, and returns its answer.
func (s *sidecar) load(t require.TestingT, config string) (status int, said string) {
	status, said, err := s.tryToLoad(config)
	require.NoError(t, err)
	return status, said
}

// tryToLoad is like load, for a process that may end meanwhile. It forces the load, because Caddy
// skips a config that is already loaded.
func (s *sidecar) tryToLoad(config string) (status int, said string, err error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+s.admin+"/load", strings.NewReader(config))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "text/caddyfile")
	r.Header.Set("Cache-Control", "must-revalidate")
	res, err := operator.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// entry is a log line about a call or a notification.
type entry struct {
	Msg       string
	RequestID string `json:"request_id"`
	Outcome   string `json:"payermax.outcome"`
	Endpoint  string `json:"payermax.endpoint"`
	Status    int
	Code      string
	Answer    string
	Digest    string   `json:"body_sha256"`
	Others    []string `json:"other_body_sha256"`
	Bytes     int      `json:"body_bytes"`
	Attempts  int
	Result    string
}

// logged returns the entries with a message that the process has logged so far.
func (s *sidecar) logged(message string) []entry { return entriesIn(s.SoFar(), message) }

// entriesIn returns a log's entries with a message.
func entriesIn(log testprocess.Printed, message string) (entries []entry) {
	for _, line := range log.Lines(`"msg":"` + message + `"`) {
		var e entry
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == message {
			entries = append(entries, e)
		}
	}
	return entries
}

var sample = regexp.MustCompile(`(?m)^caddy_payermax_(\w+?)(?:\{(.*)\})? (\S+)$`)

// counted returns the sums of a metric by the value of one of its labels.
func (s *sidecar) counted(t require.TestingT, metric, label string) map[string]float64 {
	sums := make(map[string]float64)
	ofLabel := regexp.MustCompile(label + `="([^"]*)"`)
	for _, found := range sample.FindAllStringSubmatch(s.get(t, "/metrics"), -1) {
		if found[1] != metric {
			continue
		}
		value, err := strconv.ParseFloat(found[3], 64)
		require.NoError(t, err)
		if of := ofLabel.FindStringSubmatch(found[2]); of != nil && value > 0 {
			sums[of[1]] += value
		}
	}
	return sums
}

// get returns a page of the operator's port.
func (s *sidecar) get(t require.TestingT, path string) string {
	res, err := operator.Get("http://" + s.metrics + path)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// operator is an HTTP client that keeps no connections, because the process is replaced now and
// then.
var operator = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

// eventually waits for a condition, and reports whether it came true within the limit.
func eventually(limit time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
