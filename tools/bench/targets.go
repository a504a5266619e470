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

// Names of the targets, in the order in which they are measured.
const (
	targetPlain     = "Caddy reverse_proxy, unsigned"
	targetUnchecked = "sidecar, answers unchecked"
	targetVerifying = "sidecar, answers verified"
	targetNginx     = "nginx + Lua + OpenSSL, answers unchecked"
)

// target is one way to sign, or not to sign, a request on its way.
type target struct {
	*process
	name       string
	healthPort int // of the sidecar
	adminPort  int // of Caddy
}

// startTargets starts them all. Each is started several times first to find out
// how long that takes.
func startTargets(ctx context.Context, m *material, upstreamPort int, found *results, starts int) ([]*target, error) {
	var targets []*target
	for _, name := range []string{targetPlain, targetUnchecked, targetVerifying} {
		t, err := startCaddy(ctx, m, name, upstreamPort, found, starts)
		if err != nil {
			return targets, err
		}
		targets = append(targets, t)
	}
	t, err := startNginx(ctx, m, upstreamPort)
	if errors.Is(err, errNoNginx) {
		found.Skipped = append(found.Skipped, err.Error())
		return targets, nil
	}
	if err != nil {
		return targets, err
	}
	return append(targets, t), nil
}

// startCaddy starts a Caddy of the target's kind, the given number of times, and
// keeps the last one.
func startCaddy(ctx context.Context, m *material, name string, upstreamPort int, found *results, starts int) (*target, error) {
	t := &target{name: name, process: new(process)}
	var err error
	if t.port, err = freePort(); err != nil {
		return nil, err
	}
	if t.healthPort, err = freePort(); err != nil {
		return nil, err
	}
	if t.adminPort, err = freePort(); err != nil {
		return nil, err
	}
	config := filepath.Join(m.dir, fmt.Sprintf("%d.caddyfile", t.port))
	if err := os.WriteFile(config, []byte(t.caddyfile(m, upstreamPort)), 0o600); err != nil {
		return nil, err
	}
	binaryName := sidecar
	if name == targetPlain {
		binaryName = stockCaddy
	}

	var took []float64
	for i := range starts {
		t.command = exec.CommandContext(ctx, filepath.Join(m.dir, binaryName), "run", "--adapter", "caddyfile", "--config", config)
		// Caddy keeps its state there.
		t.command.Env = append(os.Environ(), "HOME="+m.dir, "XDG_CONFIG_HOME="+m.dir, "XDG_DATA_HOME="+m.dir)
		began := time.Now()
		if err := t.command.Start(); err != nil {
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
	if name != targetUnchecked { // which is the other sidecar's binary
		if err := t.describe(found.Binaries[binaryName], took); err != nil {
			t.stop()
			return nil, err
		}
	}
	return t, nil
}

// describe notes what the binary takes before it has any load.
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

// caddyfile is the target's configuration.
func (t *target) caddyfile(m *material, upstreamPort int) string {
	global := fmt.Sprintf("{\n\tadmin 127.0.0.1:%d\n\tpersist_config off\n}\n", t.adminPort)
	if t.name == targetPlain {
		return fmt.Sprintf("%s:%d {\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:%d\n}\n", global, t.port, upstreamPort)
	}
	check := ""
	if t.name == targetVerifying {
		check = "\n\t\tgateway_public_key " + m.publicKey
	}
	return fmt.Sprintf(`%s:%d {
	bind 127.0.0.1
	payermax {
		gateway http://127.0.0.1:%d
		app_id %s
		private_key %s%s
	}
}
:%d {
	bind 127.0.0.1
	payermax_health
}
`, global, t.port, upstreamPort, appID, m.privateKey, check, t.healthPort)
}

// await waits for the first good answer.
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
			return fmt.Errorf("%s gives no good answer within 10 s: status %d, %w", t.name, status, errors.Join(err, ctx.Err()))
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
