package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// patience is how long to wait for the program on a port to answer.
const patience = 5 * time.Second

// occupant says what already listens on a port of the config.
type occupant int

const (
	nobody occupant = iota
	aCaddy          // possibly the sidecar itself
	another
	unknown
)

// describePorts reports the ports of the config's sites on which other programs already
// listen, so that the sidecar could not. A Caddy there may be the running sidecar whose
// config is being checked.
func (c configTree) describePorts(ctx context.Context, name string) []doctor.Result {
	const check = "port"
	var results []doctor.Result
	for _, address := range c.ownAddresses() {
		switch occupantOf(ctx, address) {
		case aCaddy:
			if listeners(listening, address) > 1 {
				results = append(results, found(name, check, doctor.Warning, "several processes listen on "+address+", so each of them gets some of the calls",
					"stop all but one (ss -ltnp lists them); with bind handover/, a second one would not start"))
				continue
			}
			results = append(results, found(name, check, doctor.OK, "Caddy already listens on "+address+"; if this sidecar is running, that is it", ""))
		case another:
			results = append(results, found(name, check, doctor.Problem, "another program already listens on "+address+", so the sidecar cannot",
				"stop that program (ss -ltnp shows its name), or give the site another port"))
		case unknown:
			results = append(results, found(name, check, doctor.Warning, "an unknown program already listens on "+address+"",
				"if it is not this sidecar, stop it (ss -ltnp shows its name), or give the site another port"))
		}
	}
	return results
}

// ownAddresses returns the TCP addresses of this machine at which the config's sites
// would be reachable.
func (c configTree) ownAddresses() []string {
	var own []string
	for _, server := range c.servers() {
		for _, address := range addressesOf(layout.Texts(server["listen"])) {
			if address.IsUnixNetwork() || address.PortRangeSize() != 1 || address.StartPort == 0 {
				continue
			}
			host := address.Host
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			own = append(own, net.JoinHostPort(host, strconv.FormatUint(uint64(address.StartPort), 10)))
		}
	}
	slices.Sort(own)
	return slices.Compact(own)
}

// occupantOf finds out what listens at an address. It sends one GET request.
func occupantOf(ctx context.Context, address string) occupant {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nobody
	}
	defer conn.Close()
	end, _ := ctx.Deadline()
	_ = conn.SetDeadline(end)
	_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if timeout, isNetError := errors.AsType[net.Error](err); isNetError && timeout.Timeout() {
		return unknown
	}
	if err != nil {
		return another // does not speak HTTP
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	switch server := answer.Header.Get("Server"); {
	case strings.HasPrefix(server, "Caddy"), strings.HasPrefix(answer.Header.Get("Proxy-Status"), "caddy-payermax;"), server == "payermax-sandbox":
		return aCaddy
	case strings.Contains(string(body), "HTTP request to an HTTPS server"): // the wording of net/http
		return unknown
	}
	return another
}

// listening are the tables of this machine's TCP sockets, on Linux.
var listening = []string{"/proc/net/tcp", "/proc/net/tcp6"}

// listeners returns the largest number of sockets that listen at the same address on the
// port of an address: on Linux, Caddy shares a port with other processes of the same user
// (SO_REUSEPORT). It returns 0 if there are no tables.
func listeners(tables []string, address string) int {
	const state, isListening = 3, "0A"
	_, port, _ := net.SplitHostPort(address)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	count := make(map[string]int)
	for _, table := range tables {
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			columns := strings.Fields(line)
			if len(columns) > state && columns[state] == isListening && strings.HasSuffix(columns[1], fmt.Sprintf(":%04X", number)) {
				count[columns[1]]++
			}
		}
	}
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	return most
}
