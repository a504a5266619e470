package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// createKeys is the README's command that creates the Secret.
const createKeys = "kubectl create secret generic payermax-keys -n %s --from-file=private.key --from-file=payermax.pub"

// applied applies an overlay that uses keys, and returns its merchant and the directory of the
// keys.
func (c *cluster) applied(t *testing.T, namespace, overlay string) (m *merchant, folder string) {
	t.Helper()
	m, private := c.gateway.enrol(t)
	folder = c.gateway.keyFolder(t, private)
	c.shell(t, folder, fmt.Sprintf(createKeys, namespace))
	c.kubectl(t, "apply", "-n", namespace, "-k", overlay)
	return m, folder
}

// Without the Secret, a pod waits. Once the Secret exists, the pod becomes ready, and the gateway
// answers calls. A change of the Secret under load loses no call.
func TestSecret(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "secret")
	c.kubectl(t, "apply", "-n", namespace, "-k", overlays+"uat")
	await(t, time.Minute, "the pods to wait for the Secret", func() bool {
		return strings.Contains(c.kubectl(t, "get", "events", "-n", namespace), `secret "payermax-keys" not found`)
	})
	m, private := c.gateway.enrol(t)
	folder := c.gateway.keyFolder(t, private)
	c.shell(t, folder, fmt.Sprintf(createKeys, namespace))
	began := time.Now()
	c.ready(t, namespace, "shop")
	t.Logf("ready %.1f s after the Secret was made", time.Since(began).Seconds())

	pods := c.pods(t, namespace)
	require.Len(t, pods, 2)
	for _, p := range pods {
		c.load(t, p, 2)
	}
	// The same key in different bytes, so that both versions are valid while the change spreads.
	before := c.fingerprintsLoaded(t, namespace)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "private.key"), append(private, '\n'), 0o600))
	c.shell(t, folder, fmt.Sprintf(createKeys, namespace)+" --dry-run=client -o yaml | kubectl replace -f -")
	took := await(t, 2*time.Minute, "the new files to be in use", func() bool { return c.fingerprintsLoaded(t, namespace) == before+2 })
	t.Logf("in use by both pods after %.1f s", took.Seconds())
	for _, p := range c.pods(t, namespace) {
		requireAnswered(t, c.report(t, p))
		assert.Zero(t, p.container("payermax").RestartCount)
	}
	assert.NotZero(t, m.served.Load())
}

// fingerprintsLoaded counts how often the sidecars have reloaded keys.
func (c *cluster) fingerprintsLoaded(t *testing.T, namespace string) int {
	t.Helper()
	log := c.kubectl(t, "logs", "-n", namespace, "--selector=payermax-signer=true", "-c", "payermax", "--tail=-1")
	return strings.Count(log, "keys reloaded")
}

// The README's "Change the key", step by step, with its own commands: nothing restarts, and the
// application gets no refusal.
func TestChangeTheKey(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "shop") // the name that the README uses
	m, folder := c.applied(t, namespace, overlays+"uat")
	c.ready(t, namespace, "shop")
	pods := c.pods(t, namespace)
	for _, p := range pods {
		c.load(t, p, 2)
	}
	next, public := newKey(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "next.key"), next, 0o600))

	loaded := 0
	for i, step := range readmeSteps(t, "## Change the key") {
		if strings.Contains(step.text, "Upload the new public key") {
			m.key.Store(public)
			for _, p := range pods {
				await(t, time.Minute, "the change-over", func() bool {
					_, metrics := c.get(t, "http://"+p.Status.PodIP+":8081/metrics")
					return strings.Contains(metrics, "caddy_payermax_key_promotions_total 1")
				})
			}
			continue
		}
		require.NotEmpty(t, step.commands, "step %d cannot be followed: %s", i+1, step.text)
		c.shell(t, folder, step.commands)
		loaded += len(pods)
		took := await(t, 2*time.Minute, "the keys of step "+fmt.Sprint(i+1), func() bool { return c.fingerprintsLoaded(t, namespace) == loaded })
		t.Logf("step %d: in use after %.1f s", i+1, took.Seconds())
	}
	secret := c.kubectl(t, "get", "secret", "payermax-keys", "-n", namespace, "-o", "json")
	assert.NotContains(t, secret, "next.key")
	after := c.pods(t, namespace)
	require.Len(t, after, len(pods))
	for i, p := range after {
		assert.Equal(t, pods[i].Metadata.Name, p.Metadata.Name, "no pod was replaced")
		assert.Zero(t, p.container("payermax").RestartCount)
		t.Logf("%d calls answered", requireAnswered(t, c.report(t, p)))
	}
}

// step is a numbered step of the README.
type step struct{ text, commands string }

// readmeSection returns a section of the manifests' README.
func readmeSection(t *testing.T, heading string) string {
	t.Helper()
	readme, err := os.ReadFile(repository + "/deploy/kubernetes/README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(readme), heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// blocks matches the commands of a README, and manifests the files that it shows.
var (
	blocks    = regexp.MustCompile("(?s)```sh\n(.*?)```")
	manifests = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// readmeManifest returns the YAML block of a section that contains a text.
func readmeManifest(t *testing.T, heading, with string) string {
	t.Helper()
	for _, block := range manifests.FindAllStringSubmatch(readmeSection(t, heading), -1) {
		if strings.Contains(block[1], with) {
			return block[1]
		}
	}
	require.FailNow(t, "the README has no such block", "%s: %s", heading, with)
	return ""
}

// readmeBlocks returns the blocks of commands of a section.
func readmeBlocks(t *testing.T, heading string) []string {
	t.Helper()
	var all []string
	for _, block := range blocks.FindAllStringSubmatch(readmeSection(t, heading), -1) {
		all = append(all, block[1])
	}
	require.NotEmpty(t, all, heading)
	return all
}

// readmeSteps returns the numbered steps of a section, with the commands of each.
func readmeSteps(t *testing.T, heading string) []step {
	t.Helper()
	var steps []step
	for _, text := range regexp.MustCompile(`(?m)^\d\. `).Split(readmeSection(t, heading), -1)[1:] {
		var commands []string
		for _, block := range blocks.FindAllStringSubmatch(text, -1) {
			commands = append(commands, block[1])
		}
		steps = append(steps, step{blocks.ReplaceAllString(text, ""), strings.Join(commands, "\n")})
	}
	require.Greater(t, len(steps), 2)
	return steps
}

// A sidecar that may not read its key says so, names the file, and is not ready. The application
// does not start either.
func TestKeyCannotBeRead(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "unreadable")
	folder := consumer(t, "uat", `
patches:
  - target: {kind: Deployment}
    patch: |
      - {op: remove, path: /spec/template/spec/securityContext/fsGroup}
      - {op: replace, path: /spec/replicas, value: 1}
`)
	c.applied(t, namespace, folder)
	said := ""
	await(t, time.Minute, "the sidecar to say why it ended", func() bool {
		ctx := t.Context()
		said, _ = c.Kubectl(ctx, "logs", "-n", namespace, "--selector=payermax-signer=true", "-c", "payermax")
		return strings.Contains(said, "permission denied")
	})
	assert.Contains(t, said, "private_key: ")
	assert.Contains(t, said, "/run/secrets/payermax/private.key")
	p := c.onlyPod(t, namespace)
	assert.Equal(t, "Pending", p.Status.Phase)
	assert.Nil(t, p.container("shop").State.Running)
	t.Log(lastLines(said, 1))
}

// consumer writes somebody else's kustomization on top of an overlay.
func consumer(t *testing.T, overlay, text string) string {
	t.Helper()
	folder := t.TempDir()
	relative, err := filepath.Rel(folder, overlays+overlay)
	require.NoError(t, err)
	writeFile(t, folder, "kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: ["+relative+"]\n"+text)
	return folder
}

func writeFile(t *testing.T, folder, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
}
