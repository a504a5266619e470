package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// The README's commands make the Secrets that the manifests mount, with the files that the
// Caddyfiles name.
func TestReadmeMakesTheSecrets(t *testing.T) {
	t.Parallel()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not on this machine")
	}
	folder := t.TempDir()
	tool(t, "openssl")
	shell(t, folder, readmeBlock(t, "openssl"))
	for _, file := range []string{"private.key", "next.key", "payermax.pub"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte("content of "+file), 0o600))
	}

	made := make(map[string][]string)
	for _, words := range []string{"secret generic payermax-keys -n shop --from-file", "--from-file=next.key", "create secret tls"} {
		for _, command := range secretCommands(readmeBlock(t, words)) {
			out, err := exec.Command("sh", "-euc", "cd "+folder+"; "+strings.Replace(command, "kubectl", kubectl, 1)+" --dry-run=client -o yaml").Output()
			require.NoError(t, err, command)
			objects, err := decode(out)
			require.NoError(t, err)
			secret := objects[0].(*corev1.Secret)
			for file := range secret.Data {
				made[secret.Name] = append(made[secret.Name], file)
			}
		}
	}
	p := newPod(t, "kubernetes/overlays/shared-gateway")
	_, container := podOf(p.manifests)
	named := strings.Join(append(p.env, caddyfileOf(t, p.template, p.manifests)), "\n")
	for _, volume := range p.template.Spec.Volumes {
		if volume.Secret == nil {
			continue
		}
		for _, mount := range container.VolumeMounts {
			if mount.Name != volume.Name {
				continue
			}
			files := regexp.MustCompile(regexp.QuoteMeta(mount.MountPath)+`/([\w.]+)`).FindAllStringSubmatch(named, -1)
			assert.NotEmpty(t, files, mount.MountPath)
			for _, file := range files {
				assert.Contains(t, made[volume.Secret.SecretName], file[1])
			}
		}
	}
}

// secretCommands returns the commands of a block that make Secrets, without the commands they are
// piped into.
func secretCommands(block string) []string {
	block = strings.ReplaceAll(block, "\\\n", "")
	var commands []string
	for line := range strings.Lines(block) {
		if command := strings.TrimSpace(line); strings.Contains(command, "create secret") {
			command, _, _ = strings.Cut(command, "|")
			commands = append(commands, strings.Replace(command, "--dry-run=client -o yaml", "", 1))
		}
	}
	return commands
}

// The README names every directory, and every directory that it names exists.
func TestReadmeNamesFolders(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("kubernetes/README.md")
	require.NoError(t, err)
	var named, there []string
	for _, match := range regexp.MustCompile("`((?:components|overlays)/[\\w-]+)/`").FindAllStringSubmatch(string(readme), -1) {
		named = append(named, match[1])
	}
	folders, err := filepath.Glob("kubernetes/*/*/kustomization.yaml")
	require.NoError(t, err)
	for _, file := range folders {
		relative, err := filepath.Rel("kubernetes", filepath.Dir(file))
		require.NoError(t, err)
		there = append(there, relative)
	}
	assert.ElementsMatch(t, there, named)
}
