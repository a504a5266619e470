package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/image"
	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

const (
	sidecarImage = "example.com/caddy-payermax:v0.1.0"
	// storeImage is the sidecar with the module stores/redis.
	storeImage = "example.com/caddy-payermax:v0.1.0-redis"
	// valkeyImage has the name that the README gives it, but contains Debian's Redis.
	valkeyImage     = "docker.io/valkey/valkey:8-alpine"
	prometheusImage = "example.com/prometheus:2"
	adapterImage    = "example.com/prometheus-adapter:0.12"
	coreDNSImage    = "example.com/coredns:1"
	shopImage       = "example.com/shop:1.0"
)

// makeImages builds the images of the sidecar and all others that the tests need.
func makeImages(ctx context.Context, authority []byte) ([]image.Image, error) {
	folder, err := os.MkdirTemp("", "payermax-images-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	b := builder{folder: folder, authority: authority}
	return b.all(ctx)
}

// builder builds images in a directory.
type builder struct {
	folder    string
	authority []byte // CA certificate that the sidecars trust
}

func (b builder) all(ctx context.Context) ([]image.Image, error) {
	images, err := b.sidecars(ctx)
	if err != nil {
		return nil, err
	}
	for name, tag := range map[string]string{"pause": machine.PauseImage, "shop": shopImage} {
		content, err := b.program(ctx, ".", "./images/"+name)
		if err != nil {
			return nil, err
		}
		images = append(images, image.Image{
			Name: tag, Entrypoint: []string{"/usr/bin/" + name},
			Files: []image.File{{Path: "usr/bin/" + name, Content: content, Mode: 0o755}},
		})
	}
	for _, there := range []struct{ image, program, as string }{
		{valkeyImage, "redis-server", "valkey-server"},
		{prometheusImage, "prometheus", "prometheus"},
		{adapterImage, os.Getenv(adapterBinary), "adapter"},
		{coreDNSImage, os.Getenv(coreDNSBinary), "coredns"},
	} {
		made, err := image.FromProgram(there.image, there.program, "/usr/bin/"+there.as)
		if err != nil {
			return nil, err
		}
		if there.image != valkeyImage { // the manifest of this one names its program
			made.Entrypoint = []string{"/usr/bin/" + there.as}
		}
		images = append(images, made)
	}
	return images, nil
}

// program builds a program from a directory of this repository.
func (b builder) program(ctx context.Context, in, target string, flags ...string) ([]byte, error) {
	file := filepath.Join(b.folder, filepath.Base(target))
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath", "-o", file}, flags...), target)...)
	cmd.Dir, cmd.Env = in, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s: %w: %s", target, err, out)
	}
	return os.ReadFile(file)
}

// usualTags are the build tags of the shipped binary.
const usualTags = "-tags=nobadger,nomysql,nopgx"

// sidecars builds two images: the sidecar's, as xcaddy.Dockerfile describes it, from a build like
// the shipped binary's, and one with the store. The only difference from shipped images: they trust
// the tests' CA, because the gateway of the tests uses PayerMax's name.
func (b builder) sidecars(ctx context.Context) ([]image.Image, error) {
	caddy, err := os.ReadFile(os.Getenv(caddyBinary))
	if os.Getenv(caddyBinary) == "" {
		caddy, err = b.program(ctx, repository, "./caddy", usualTags)
	}
	if err != nil {
		return nil, err
	}
	overlay, err := b.storeOverlay()
	if err != nil {
		return nil, err
	}
	withStore, err := b.program(ctx, repository+"/stores/redis", "./caddy", usualTags, "-overlay="+overlay)
	if err != nil {
		return nil, err
	}
	var images []image.Image
	for name, binary := range map[string][]byte{sidecarImage: caddy, storeImage: withStore} {
		made, err := image.FromDockerfile(repository+"/xcaddy.Dockerfile", map[string][]byte{
			"/caddy": binary, "/etc/ssl/certs/ca-certificates.crt": b.authority,
		})
		if err != nil {
			return nil, err
		}
		made.Name = name
		images = append(images, made)
	}
	return images, nil
}

// storeMain is the main package that xcaddy would write for the sidecar with the store. The store's
// module does not contain one.
const storeMain = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
	_ "github.com/caddy-payermax/caddy-payermax/stores/redis"
)

func main() { caddycmd.Main() }
`

// storeOverlay writes an overlay that makes Go find storeMain in directory caddy of the store's
// module.
func (b builder) storeOverlay() (string, error) {
	file, overlay := filepath.Join(b.folder, "main.go"), filepath.Join(b.folder, "overlay.json")
	if err := os.WriteFile(file, []byte(storeMain), 0o600); err != nil {
		return "", err
	}
	wanted, err := filepath.Abs(repository + "/stores/redis/caddy/main.go")
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{wanted: file}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}
