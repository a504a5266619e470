package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

const (
	// endpoint is the path that the application calls.
	endpoint = protocol.PathPrefix + protocol.SessionEndpoint

	// documented is the request example on the page of applyDropinSession, reduced to its
	// data block, and complete is the same with the totalAmount that the page's own table
	// requires.
	documented = `{"data":{"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}}`
	complete   = `{"data":{"totalAmount":10000.00,"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}}`
)

// demo is one demonstration.
type demo struct {
	// caddyfile configures the sidecar with the environment variables that it documents, and
	// name is its path for the reader.
	caddyfile []byte
	name      string
	// port is the sidecar's port on 127.0.0.1, or 0 for any free port.
	port uint16
	// serve keeps everything running after the demonstration, until the context is done.
	serve bool
	// out is where the demonstration is printed.
	out io.Writer
	// coloured makes the headings bold.
	coloured bool

	calls chan sandbox.Call
}

// run runs the demonstration.
func (d *demo) run(ctx context.Context) error {
	keys, err := makeDemoKeys()
	if err != nil {
		return fmt.Errorf("creating keys: %w", err)
	}
	defer keys.remove()

	gateway, err := d.startGateway(keys)
	if err != nil {
		return fmt.Errorf("starting the sandbox gateway: %w", err)
	}
	defer gateway.Close()

	front, err := d.openShop(gateway.Addr)
	if err != nil {
		return fmt.Errorf("opening the shop: %w", err)
	}
	defer front.close()

	sidecar, err := d.startSidecar(keys, gateway.Addr, front)
	if err != nil {
		return fmt.Errorf("starting the sidecar: %w", err)
	}
	defer func() { _ = caddy.Stop() }()

	d.introduce(sidecar, gateway.Addr, keys)
	if err := d.tell(ctx, sidecar); err != nil || ctx.Err() != nil {
		return err
	}
	if d.serve {
		front.open(sidecar)
		d.invite(sidecar, gateway.Addr, front.address())
		<-ctx.Done()
	}
	return nil
}

// startGateway serves the sandbox on a free port.
func (d *demo) startGateway(k *demoKeys) (*http.Server, error) {
	gateway, err := sandbox.New(k.gateway, sandbox.Merchant{
		AppID: protocol.ExampleAppID, MerchantNo: protocol.ExampleMerchantNo, PublicKey: &k.merchant.PublicKey,
	})
	if err != nil {
		return nil, err
	}
	d.calls = make(chan sandbox.Call, 1)
	gateway.OnCall = func(call sandbox.Call) {
		select {
		case d.calls <- call:
		default: // nothing reads the calls after the demonstration
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Addr:              listener.Addr().String(),
		Handler:           gateway,
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return server, nil
}

// startSidecar runs the Caddyfile in this process and returns the sidecar's
// address.
func (d *demo) startSidecar(k *demoKeys, gateway string, s *shopfront) (address string, err error) {
	if d.port != 0 {
		if err := checkFree(int(d.port)); err != nil {
			return "", err
		}
	}
	err = unlessTaken(func() error {
		address, err = d.runCaddyfile(k, gateway, s)
		return err
	})
	return address, err
}

// runCaddyfile runs the Caddyfile on the port of --port, or on a free one, and on free ports
// for probes and notifications. It returns the sidecar's address.
func (d *demo) runCaddyfile(k *demoKeys, gateway string, s *shopfront) (string, error) {
	port := int(d.port)
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return "", err
		}
	}
	healthPort, err := freePort()
	if err != nil {
		return "", err
	}
	if s.callbackPort, err = freePort(); err != nil {
		return "", err
	}
	for name, value := range map[string]string{
		"PAYERMAX_GATEWAY":            "http://" + gateway,
		"PAYERMAX_APP_ID":             protocol.ExampleAppID,
		"PAYERMAX_MERCHANT_NO":        protocol.ExampleMerchantNo,
		"PAYERMAX_PRIVATE_KEY":        k.merchantPath,
		"PAYERMAX_GATEWAY_PUBLIC_KEY": k.gatewayPath,
		"PAYERMAX_PORT":               strconv.Itoa(port),
		"PAYERMAX_HEALTH_PORT":        strconv.Itoa(healthPort),
		"PAYERMAX_APPLICATION":        s.callbacks.Addr().String(),
		"PAYERMAX_CALLBACK_PORT":      strconv.Itoa(s.callbackPort),
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", err
		}
	}

	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(d.caddyfile, map[string]any{"filename": d.name})
	if err != nil {
		return "", err
	}
	if config, err = forTheShow(config); err != nil {
		return "", err
	}
	if err := caddy.Load(config, true); err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

// forTheShow adapts a config to the demonstration. It makes the default logger log errors
// only, so that it does not disturb the output. It removes shutdown_delay, during which
// probes learn that the sidecar is shutting down: nothing probes this one, and the
// demonstration would end with five silent seconds. And it makes every site reachable
// from this machine only, such as the one for probes, which come from elsewhere in
// production.
func forTheShow(config []byte) ([]byte, error) {
	var root map[string]any
	if err := json.Unmarshal(config, &root); err != nil {
		return nil, err
	}
	root["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"level": "ERROR"}}}
	if apps, ok := root["apps"].(map[string]any); ok {
		if http, ok := apps["http"].(map[string]any); ok {
			delete(http, "shutdown_delay")
			if err := stayOnThisMachine(http); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(root)
}

// stayOnThisMachine makes servers of an http app that listen on all addresses listen on
// 127.0.0.1.
func stayOnThisMachine(http map[string]any) error {
	servers, _ := http["servers"].(map[string]any)
	for _, server := range servers {
		listen, _ := server.(map[string]any)["listen"].([]any)
		for i, address := range listen {
			network, host, port, err := caddy.SplitNetworkAddress(address.(string))
			if err != nil {
				return err
			}
			if host == "" {
				listen[i] = caddy.JoinNetworkAddress(network, "127.0.0.1", port)
			}
		}
	}
	return nil
}

// checkFree returns an error if something listens on a port. Otherwise Caddy might share
// it with another Caddy, which would receive some of the demonstration's calls.
func checkFree(port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("%w; stop the program that listens there, or choose another port; --port 0 uses any free one", err)
	}
	return listener.Close()
}

// unlessTaken calls start, and calls it again if another program has taken a port between
// freePort and start. It gives up after five attempts. It looks for the text of the error,
// because Caddy does not wrap it.
func unlessTaken(start func() error) error {
	for left := 5; ; left-- {
		err := start()
		if left == 1 || err == nil || !strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
			return err
		}
	}
}

// freePort returns a port that was free when it was checked.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
