package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Names of the binaries.
const (
	stockCaddy = "caddy"
	sidecar    = "caddy-payermax"
)

// buildBinaries builds stock Caddy and the sidecar in the same way, that of the
// releases, and notes their sizes.
func buildBinaries(ctx context.Context, root, dir string, found *results) error {
	for name, main := range map[string]string{
		stockCaddy: "github.com/caddyserver/caddy/v2/cmd/caddy",
		sidecar:    "./caddy",
	} {
		path := filepath.Join(dir, name)
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w",
			"-tags", "nobadger,nomysql,nopgx", "-o", path, main)
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if said, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, said)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		found.Binaries[name] = &binary{Bytes: info.Size()}
	}
	return nil
}
