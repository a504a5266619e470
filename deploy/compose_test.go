package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const composeFolder = "compose"

// composeProject covers only the part of https://github.com/compose-spec/compose-spec that the file
// uses, so a member outside that part is an error.
type composeProject struct {
	Name     string                    `json:"name"`
	Services map[string]composeService `json:"services"`
	Secrets  map[string]struct {
		File string `json:"file"`
	} `json:"secrets"`
}

type composeService struct {
	Image string `json:"image"`
	Build *struct {
		Context    string `json:"context"`
		Dockerfile string `json:"dockerfile"`
	} `json:"build"`
	User        string            `json:"user"`
	Environment map[string]string `json:"environment"`
	Secrets     []string          `json:"secrets"`
	Volumes     []string          `json:"volumes"`
	Ports       []string          `json:"ports"`
	NetworkMode string            `json:"network_mode"`
	DependsOn   map[string]struct {
		Condition string `json:"condition"`
		Restart   bool   `json:"restart"`
	} `json:"depends_on"`
	Command     []string `json:"command"`
	Healthcheck *struct {
		Disable bool `json:"disable"`
	} `json:"healthcheck"`
	ReadOnly        bool     `json:"read_only"`
	CapDrop         []string `json:"cap_drop"`
	SecurityOpt     []string `json:"security_opt"`
	MemLimit        string   `json:"mem_limit"`
	StopGracePeriod string   `json:"stop_grace_period"`
	Restart         string   `json:"restart"`
}

// compose reads the compose file after a replacer has changed it.
func compose(t *testing.T, changed *strings.Replacer) composeProject {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(composeFolder, "compose.yaml"))
	require.NoError(t, err)
	var project composeProject
	require.NoError(t, yaml.UnmarshalStrict([]byte(changed.Replace(string(text))), &project))
	return project
}

// mounts returns the files and directories of this repository that a service sees, keyed by where
// it mounts them.
func (s composeService) mounts(t *testing.T) map[string]string {
	t.Helper()
	mounts := make(map[string]string)
	for _, volume := range s.Volumes {
		parts := strings.Split(volume, ":")
		require.Len(t, parts, 3, volume)
		assert.Equal(t, "ro", parts[2], volume)
		mounts[parts[1]] = filepath.Join(composeFolder, parts[0])
	}
	return mounts
}

// Everything that the compose file names exists (mounted files, secrets, services), and the
// services are confined as pods are.
func TestComposeHoldsTogether(t *testing.T) {
	t.Parallel()
	project := compose(t, strings.NewReplacer())
	sidecar := project.Services["sidecar"]
	made := buildImage(t, dockerfile)
	assert.FileExists(t, filepath.Join(composeFolder, sidecar.Build.Context, sidecar.Build.Dockerfile))
	assert.Equal(t, []string{"127.0.0.1:8081:8081"}, sidecar.Ports, "the port that signs is not published")
	assert.NotEmpty(t, made.healthcheck, "what service_healthy waits for")

	readme, err := os.ReadFile(filepath.Join(composeFolder, "README.md"))
	require.NoError(t, err)
	for name, secret := range project.Secrets {
		assert.Contains(t, string(readme), secret.File, name)
	}
	for name, service := range project.Services {
		for _, path := range service.mounts(t) {
			_, err := os.Stat(path)
			assert.NoError(t, err, name)
		}
		for _, secret := range service.Secrets {
			assert.Contains(t, project.Secrets, secret, name)
		}
		for needed := range service.DependsOn {
			assert.Contains(t, project.Services, needed, name)
		}
		if name != "sidecar" {
			assert.Equal(t, "service:sidecar", service.NetworkMode, name)
			assert.True(t, service.DependsOn["sidecar"].Restart, "%s lives in the sidecar's network", name)
		}
		if service.Image == sidecar.Image {
			assert.True(t, service.ReadOnly, name)
			assert.Equal(t, []string{"ALL"}, service.CapDrop, name)
			assert.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
			assert.Equal(t, "${KEYS_OWNER:-"+made.user+"}", service.User, name)
		}
		for _, value := range append(append([]string{}, service.Command...), values(service.Environment)...) {
			if path, isSecret := strings.CutPrefix(value, "/run/secrets/"); isSecret {
				assert.Contains(t, service.Secrets, path, name)
			}
		}
	}
	assert.Equal(t, "service_healthy", project.Services["app"].DependsOn["sidecar"].Condition)
	assert.NotContains(t, project.Services["app"].Secrets, "private.key", "no application holds the key")
}

// values returns the values of a map.
func values(of map[string]string) []string {
	var all []string
	for _, value := range of {
		all = append(all, value)
	}
	return all
}

// dockerRuns returns the arguments of the README's docker run commands.
func dockerRuns(t *testing.T) []string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(composeFolder, "README.md"))
	require.NoError(t, err)
	text := strings.ReplaceAll(string(readme), "\\\n", "")
	var runs []string
	for _, match := range regexp.MustCompile(`(?m)^docker run (.*)$`).FindAllStringSubmatch(text, -1) {
		runs = append(runs, match[1])
	}
	return runs
}
