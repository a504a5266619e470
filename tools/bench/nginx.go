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
)

// errNoNginx says what to install for the comparison with nginx.
var errNoNginx = errors.New("nginx with Lua is left out: install nginx-light, libnginx-mod-http-lua and lua-cjson")

//go:embed nginx.conf
var nginxConfig string

//go:embed sign.lua
var nginxScript []byte

// nginxModules is the directory in which Debian installs nginx's modules.
const nginxModules = "/usr/lib/nginx/modules"

// startNginx starts nginx with the signing script.
func startNginx(ctx context.Context, m *material, to gateway) (*target, error) {
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
	t, err := newTarget(targetNginx, to)
	if err != nil {
		return nil, err
	}
	t.healthPort, t.adminPort = 0, 0
	scheme := "http"
	if to.tls {
		scheme = "https"
	}
	prefix := filepath.Join(m.dir, fmt.Sprintf("nginx-%d", t.port))
	script, config := filepath.Join(prefix, "sign.lua"), filepath.Join(prefix, "nginx.conf")
	filled := strings.NewReplacer(
		"MODULES", nginxModules, "DIRECTORY", prefix, "SCRIPT", script, "PRIVATE_KEY", m.privateKey, "APP_ID", appID,
		"CERTIFICATE", m.certificate, "SCHEME", scheme, "UPSTREAM_PORT", fmt.Sprint(to.port), "PORT", fmt.Sprint(t.port),
	).Replace(nginxConfig)
	if err := errors.Join(os.Mkdir(prefix, 0o700), os.WriteFile(script, nginxScript, 0o600), os.WriteFile(config, []byte(filled), 0o600)); err != nil {
		return nil, err
	}
	t.command = exec.Command(nginx, "-p", prefix, "-c", config, "-e", filepath.Join(prefix, "nginx.log"))
	if err := t.start(); err != nil {
		return nil, err
	}
	if err := t.await(ctx); err != nil {
		t.stop()
		log, _ := os.ReadFile(filepath.Join(prefix, "nginx.log"))
		return nil, fmt.Errorf("%w\n%s", err, log)
	}
	return t, nil
}
