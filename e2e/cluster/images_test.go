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
	// storeImage has the sidecar with the module stores/redis.
	storeImage = "example.com/caddy-payermax:v0.1.0-redis"
	// valkeyImage has the name that the README gives it, and Debian's Redis in it.
	valkeyImage     = "docker.io/valkey/valkey:8-alpine"
	prometheusImage = "example.com/prometheus:2"
	adapterImage    = "example.com/prometheus-adapter:0.12"
	coreDNSImage    = "example.com/coredns:1"
	shopImage       = "example.com/shop:1.0"
)

// makeImages builds the images of the sidecar, and those around it.
func makeImages(ctx context.Context, authority []byte) ([]image.Image, error) {
	folder, err := os.MkdirTemp("", "payermax-images-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	b := builder{folder: folder, authority: authority}
	return b.all(ctx)
}

// builder builds images in a folder.
type builder struct {
	folder    string
	authority []byte // whom the sidecars trust
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
		if there.image != valkeyImage { // whose manifest names its program
			made.Entrypoint = []string{"/usr/bin/" + there.as}
		}
		images = append(images, made)
	}
	return images, nil
}

// program builds a program from a folder of this repository.
func (b builder) program(ctx context.Context, in, target string, flags ...string) ([]byte, error) {
	file := filepath.Join(b.folder, filepath.Base(target))
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath", "-o", file}, flags...), target)...)
	cmd.Dir, cmd.Env = in, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s: %w: %s", target, err, out)
	}
	return os.ReadFile(file)
}

// usualTags are those of the binary that is shipped.
const usualTags = "-tags=nobadger,nomysql,nopgx"

// sidecars builds the sidecar's image as xcaddy.Dockerfile describes it, from the build
// of the shipped binary, and another one with the store. The one difference: they trust
// the authority of the tests, whose gateway has PayerMax's name.
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

// storeMain is the main that xcaddy would write for the sidecar with the store, whose
// module has no need of one.
const storeMain = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
	_ "github.com/caddy-payermax/caddy-payermax/stores/redis"
)

func main() { caddycmd.Main() }
`

// storeOverlay has Go find that main in the folder caddy of the store's module.
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
