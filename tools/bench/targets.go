package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// target is a server that requests pass through, whether it signs them or not.
type target struct {
	*process
	name       string
	healthPort int // of the sidecar
	adminPort  int // of Caddy
}

// startTargets starts every contender in front of the gateway, in plain and over TLS. A binary is
// started several times to measure its start time.
func startTargets(ctx context.Context, m *material, u *upstream, found *results, starts int) ([]*target, error) {
	var targets []*target
	for _, to := range []gateway{{port: u.port}, {port: u.tlsPort, tls: true}} {
		for _, c := range contenders {
			t, err := startCaddy(ctx, m, c, to, found, starts)
			if errors.Is(err, errCannot) {
				found.skip(err)
				continue
			}
			if err != nil {
				return targets, err
			}
			targets = append(targets, t)
		}
		t, err := startNginx(ctx, m, to)
		if errors.Is(err, errNoNginx) {
			found.skip(err)
			continue
		}
		if err != nil {
			return targets, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// newTarget returns a target in front of the gateway. It has ports but is not started.
func newTarget(name string, to gateway) (*target, error) {
	if to.tls {
		name += overTLS
	}
	t := &target{name: name, process: new(process)}
	for _, port := range []*int{&t.port, &t.healthPort, &t.adminPort} {
		var err error
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// startCaddy starts a Caddy, the given number of times if it is the first one of its binary, and
// keeps the last one running.
func startCaddy(ctx context.Context, m *material, c contender, to gateway, found *results, starts int) (*target, error) {
	t, err := newTarget(c.name, to)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(m.dir, fmt.Sprintf("%d.caddyfile", t.port))
	if err := os.WriteFile(config, []byte(c.caddyfile(m, t, to)), 0o600); err != nil {
		return nil, err
	}
	if err := c.canStart(m, config); err != nil {
		return nil, err
	}
	b := found.Binaries[c.binary]
	isDescribed := b.IdleBytes > 0
	if isDescribed || c.name == targetUnchecked {
		starts = 1
	}
	var took []float64
	for i := range starts {
		t.command = caddyCommand(m, filepath.Join(m.dir, c.binary), "run", "--adapter", "caddyfile", "--config", config)
		t.command.Env = append(t.command.Env, c.env...)
		began := time.Now()
		if err := t.start(); err != nil {
			return nil, err
		}
		if err := t.await(ctx); err != nil {
			t.stop()
			return nil, err
		}
		took = append(took, time.Since(began).Seconds())
		if i < starts-1 {
			t.stop()
		}
	}
	if !isDescribed && c.name != targetUnchecked {
		if err := t.describe(b, took); err != nil {
			t.stop()
			return nil, err
		}
	}
	return t, nil
}

// caddyCommand returns a command for a Caddy that keeps its state in the run's directory.
func caddyCommand(m *material, binary string, args ...string) *exec.Cmd {
	command := exec.Command(binary, args...)
	command.Env = append(os.Environ(), "HOME="+m.dir, "XDG_CONFIG_HOME="+m.dir, "XDG_DATA_HOME="+m.dir)
	return command
}

// describe records what the binary needs before it has any load.
func (t *target) describe(b *binary, starts []float64) error {
	b.StartMilliseconds = median(starts) * 1e3
	time.Sleep(time.Second)
	var err error
	b.IdleBytes, err = t.memory("VmRSS")
	if err == nil {
		b.IdlePrivateBytes, err = t.memory("RssAnon")
	}
	return err
}

// await waits for the first successful answer.
func (t *target) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		status, err := t.post(ctx, http.DefaultClient)
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s gives no good answer within 10 s: status %d, %w\n%s", t.name, status, errors.Join(err, ctx.Err()), &t.log)
		case <-time.After(time.Millisecond):
		}
	}
}

// post makes one call and returns its status.
func (t *target) post(ctx context.Context, client *http.Client) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url(sessionPath), strings.NewReader(request))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	w, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return w.StatusCode, drain(w)
}
