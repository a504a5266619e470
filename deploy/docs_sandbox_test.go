package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// readBlock decodes the YAML block of docs/sandbox.md whose preceding comment has the name. It
// refuses members that the value has no field for.
func readBlock(t *testing.T, name string, value any) {
	t.Helper()
	page, err := os.ReadFile("../docs/sandbox.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)<!-- " + regexp.QuoteMeta(name) + " -->\n```yaml\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, found, name)
	require.NoError(t, yaml.UnmarshalStrict(found[1], value))
}

// The compose file names the image that the README builds, and runs it in the application's network
// namespace, where the site of Caddyfile.example can be reached.
func TestDocsCompose(t *testing.T) {
	type service struct {
		Build       string            `json:"build"`
		Image       string            `json:"image"`
		NetworkMode string            `json:"network_mode"`
		Environment map[string]string `json:"environment"`
	}
	var compose struct {
		Services map[string]service `json:"services"`
	}
	readBlock(t, "compose.yaml", &compose)
	sidecar := compose.Services["payermax"]
	app, joined := strings.CutPrefix(sidecar.NetworkMode, "service:")
	assert.True(t, joined)
	assert.Contains(t, compose.Services, app)
	assert.Equal(t, map[string]string{"PAYERMAX_GATEWAY": "sandbox"}, sidecar.Environment)
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), "-t "+sidecar.Image+" ")
}

// The workflow's service publishes the port that its Caddyfile serves, and the job uses that port.
func TestDocsWorkflow(t *testing.T) {
	var workflow struct {
		Name string `json:"name"`
		On   string `json:"true"` // this decoder reads the key "on" as a boolean
		Jobs map[string]struct {
			RunsOn   string `json:"runs-on"`
			Services map[string]struct {
				Image string   `json:"image"`
				Ports []string `json:"ports"`
			} `json:"services"`
			Env   map[string]string `json:"env"`
			Steps []struct {
				Uses string `json:"uses"`
				Run  string `json:"run"`
			} `json:"steps"`
		} `json:"jobs"`
	}
	readBlock(t, "workflow.yaml", &workflow)
	job := workflow.Jobs["tests"]
	require.Len(t, job.Services["payermax"].Ports, 1)
	host, container, _ := strings.Cut(job.Services["payermax"].Ports[0], ":")
	assert.Equal(t, "http://127.0.0.1:"+host, job.Env["PAYERMAX_URL"])
	page, err := os.ReadFile("../docs/sandbox.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "\n:"+container+" {\n")
	assert.Contains(t, job.Steps[1].Run, "$PAYERMAX_URL/sandbox/key")
}
