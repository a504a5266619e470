package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// errNoNginx says what to install for the comparison with nginx.
var errNoNginx = errors.New("nginx with Lua is left out: install nginx-light, libnginx-mod-http-lua and lua-cjson")

//go:embed nginx.conf
var nginxConfig string

//go:embed sign.lua
var nginxScript []byte

// nginxModules is where Debian has them.
const nginxModules = "/usr/lib/nginx/modules"

// startNginx starts nginx with the script that signs.
func startNginx(ctx context.Context, m *material, upstreamPort int) (*target, error) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		return nil, errNoNginx
	}
	for _, needed := range []string{
		nginxModules + "/ndk_http_module.so", nginxModules + "/ngx_http_lua_module.so",
		"/usr/share/lua/5.1/resty/core.lua",
	} {
		if _, err := os.Stat(needed); err != nil {
			return nil, errNoNginx
		}
	}
	t := &target{name: targetNginx, process: new(process)}
	if t.port, err = freePort(); err != nil {
		return nil, err
	}
	script, config := filepath.Join(m.dir, "sign.lua"), filepath.Join(m.dir, "nginx.conf")
	filled := strings.NewReplacer(
		"MODULES", nginxModules, "DIRECTORY", m.dir, "SCRIPT", script, "PRIVATE_KEY", m.privateKey, "APP_ID", appID,
		"UPSTREAM_PORT", fmt.Sprint(upstreamPort), "PORT", fmt.Sprint(t.port),
	).Replace(nginxConfig)
	if err := errors.Join(os.WriteFile(script, nginxScript, 0o600), os.WriteFile(config, []byte(filled), 0o600)); err != nil {
		return nil, err
	}
	t.command = exec.CommandContext(ctx, nginx, "-p", m.dir, "-c", config, "-e", filepath.Join(m.dir, "nginx.log"))
	// Killed, it would leave its workers behind.
	t.command.Cancel = func() error { return t.command.Process.Signal(syscall.SIGTERM) }
	if err := t.command.Start(); err != nil {
		return nil, err
	}
	if err := t.await(ctx); err != nil {
		t.stop()
		log, _ := os.ReadFile(filepath.Join(m.dir, "nginx.log"))
		return nil, fmt.Errorf("%w\n%s", err, log)
	}
	return t, nil
}
