package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The names of the binaries.
const (
	stockCaddy = "caddy"
	sidecar    = "caddy-payermax"
	// sidecarOpenSSL is the sidecar with keys/openssl.
	sidecarOpenSSL = "caddy-payermax-openssl"
	// sidecarBefore is the sidecar as of the commit before.
	sidecarBefore = "caddy-payermax-before"
)

// before is the last commit without a buffered log, OpenSSL and batches. The sidecar built from it
// is measured too, to show what has been gained since.
const before = "7a99f70d440ff8758c0bd11eda82c5018b2afd82"

// needs lists what is needed to build each binary that may be left out.
var needs = map[string]string{
	sidecarOpenSSL: "gcc and libssl-dev",
	sidecarBefore:  "git, and a clone that has the commit " + before[:7],
}

// buildBinaries builds stock Caddy and the sidecar like the releases, and the sidecar with OpenSSL
// as xcaddy would, and records their sizes. The sidecar with OpenSSL is left out if there is no C
// compiler or no OpenSSL, and the sidecar of the commit before if git does not have that commit.
func buildBinaries(ctx context.Context, root, dir string, found *results) error {
	if err := build(ctx, root, dir, stockCaddy, found, "github.com/caddyserver/caddy/v2/cmd/caddy"); err != nil {
		return err
	}
	if err := build(ctx, root, dir, sidecar, found, "./caddy"); err != nil {
		return err
	}
	if err := buildBefore(ctx, root, dir, found); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	module := filepath.Join(root, "keys", "openssl")
	overlay, err := writeOverlay(dir, filepath.Join(module, "caddy", "main.go"))
	if err != nil {
		return err
	}
	if err := build(ctx, module, dir, sidecarOpenSSL, found, "-overlay", overlay, "./caddy"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	return nil
}

// buildBefore builds the sidecar of the commit before, in a separate checkout.
func buildBefore(ctx context.Context, root, dir string, found *results) error {
	tree := filepath.Join(dir, "before")
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	archive := filepath.Join(dir, "before.tar")
	for _, command := range []*exec.Cmd{
		exec.CommandContext(ctx, "git", "-C", root, "archive", "--output", archive, before),
		exec.CommandContext(ctx, "tar", "-x", "-C", tree, "-f", archive),
	} {
		if said, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("getting the commit before: %w\n%s", err, said)
		}
	}
	return build(ctx, tree, dir, sidecarBefore, found, "./caddy")
}

// build builds one binary. The one with OpenSSL needs cgo; the others are built without it.
func build(ctx context.Context, module, dir, name string, found *results, main ...string) error {
	path, cgo := filepath.Join(dir, name), "0"
	if name == sidecarOpenSSL {
		cgo = "1"
	}
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags", "-s -w",
		"-tags", "nobadger,nomysql,nopgx", "-o", path}, main...)...)
	build.Dir = module
	build.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", name, err, said)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	found.Binaries[name] = &binary{Bytes: info.Size()}
	return nil
}

// opensslMain is the main package of the sidecar with keys/openssl. The module itself does not
// contain one.
const opensslMain = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
	_ "github.com/caddy-payermax/caddy-payermax/keys/openssl"
)

func main() { caddycmd.Main() }
`

// writeOverlay writes an overlay that makes the go command find opensslMain at a path without a
// file.
func writeOverlay(dir, path string) (overlay string, err error) {
	main := filepath.Join(dir, "main.go")
	if err := os.WriteFile(main, []byte(opensslMain), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: main}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}
