package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const systemdUnit = "systemd/caddy-payermax.service"

// unitFor returns the path of a copy of the unit that names another binary: systemd-analyze
// requires the named one to exist.
func unitFor(t *testing.T, binary string) string {
	t.Helper()
	text, err := os.ReadFile(systemdUnit)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), filepath.Base(systemdUnit))
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/caddy-payermax", binary)), 0o644))
	return path
}

// systemd-analyze verify finds no fault in the unit.
func TestUnitIsVerified(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze")
	said, err := exec.Command(analyze, "verify", "--man=no", unitFor(t, caddy(t))).CombinedOutput()
	assert.NoError(t, err)
	assert.Empty(t, string(said))
}

// The unit sets the same GOGC as the image, and the file that the operator writes overrides it,
// because systemd reads Environment= before EnvironmentFile=.
func TestUnitCollectsAsTheImage(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile(systemdUnit)
	require.NoError(t, err)
	image, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	set := regexp.MustCompile(`(?m)^ENV (GOGC=\d+)$`).FindStringSubmatch(string(image))
	require.Len(t, set, 2)
	assert.Contains(t, string(unit), "\nEnvironment="+set[1]+"\n")
	assert.Contains(t, string(unit), "\nEnvironmentFile=")
}

// The unit is well confined: its exposure score is at most 1.2 of 10.
func TestUnitIsHardened(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze")
	said, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=12", unitFor(t, caddy(t))).CombinedOutput() // in tenths
	assert.NoError(t, err, "%s", said)
	assert.Regexp(t, `Overall exposure level for caddy-payermax.service: [01]\.\d OK`, string(said))
}

// The README's commands install every file that the unit names.
func TestUnitHasItsFiles(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile(systemdUnit)
	require.NoError(t, err)
	readme, err := os.ReadFile("systemd/README.md")
	require.NoError(t, err)
	named := regexp.MustCompile(`(?:/etc/caddy-payermax|/usr/local)/[\w./-]+`).FindAllString(string(unit), -1)
	require.NotEmpty(t, named)
	for _, path := range named {
		assert.Contains(t, string(readme), path)
	}
	for _, variable := range []string{"PAYERMAX_GATEWAY", "PAYERMAX_APP_ID", "PAYERMAX_MERCHANT_NO"} {
		assert.Contains(t, string(readme), variable+"=")
	}
}

// asked is the script that the tests run on the machine that systemd has booted.
const asked = `
systemctl is-active caddy-payermax
curl -sS http://127.0.0.1:8081/readyz
pid=$(systemctl show -P MainPID caddy-payermax)
grep -E '^(Uid|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/$pid/status
stat -c '%a %U %n' /run/credentials/caddy-payermax.service/private.key
stat -c '%a %U %n' /etc/caddy-payermax/private.key
curl -sS http://127.0.0.1:8081/metrics | grep ^process_start_time_seconds
systemctl reload caddy-payermax
curl -sS http://127.0.0.1:8081/livez
application=$(systemctl show -P MainPID application)
systemctl restart caddy-payermax && echo restarted
cp /etc/caddy-payermax/environment /tmp/environment
echo PAYERMAX_GATEWAY=nowhere >>/etc/caddy-payermax/environment
systemctl restart caddy-payermax || echo refused
systemctl is-active caddy-payermax
cp /tmp/environment /etc/caddy-payermax/environment
for _ in {1..60}; do systemctl is-active -q caddy-payermax && echo back && break; sleep 0.5; done
systemctl show -p StartLimitIntervalUSec caddy-payermax
[ "$application" = "$(systemctl show -P MainPID application)" ] && echo the application was left alone
`

// systemd starts the unit after the README's commands have been followed, and the service is
// confined as the unit says. With a config that cannot be loaded, the service does not start until
// the config is fixed; the application beside it keeps running.
func TestUnitRuns(t *testing.T) {
	t.Parallel()
	requireContainers(t)
	tool(t, "curl")
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		require.Empty(t, os.Getenv("CI"), "systemd is missing, but CI must not skip this test")
		t.Skip("systemd is not on this machine")
	}
	folder, err := os.MkdirTemp("", "systemd")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	install(t, filepath.Join(folder, "files"))
	script := filepath.Join(folder, "script")
	require.NoError(t, os.WriteFile(script, []byte("systemctl start application"+asked), 0o600))

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool(t, "unshare"), "--mount", "bash", "systemd/testdata/machine", folder, script).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(filepath.Join(folder, "said"))
	require.NoError(t, err)
	said := string(text)
	t.Log(said)
	for _, line := range []string{
		"active", `{"status":"ok"}`, "restarted",
		"CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
		"400 caddy-payermax /run/credentials/caddy-payermax.service/private.key", "600 root /etc/caddy-payermax/private.key",
		"refused", "back", "StartLimitIntervalUSec=0", "the application was left alone",
	} {
		assert.Contains(t, "\n"+said, "\n"+line+"\n")
	}
	assert.Contains(t, said, `{"status":"ok","keys":[{"source":"file"`)
	assert.Regexp(t, `\nUid:\t[1-9]\d*\t`, said)
	assert.Regexp(t, `\nprocess_start_time_seconds \d`, said)
}

// install puts the files that the README's commands install into a directory.
func install(t *testing.T, folder string) {
	t.Helper()
	for _, directory := range []string{"usr/local/bin", "etc/caddy-payermax", "etc/systemd/system"} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, directory), 0o755))
	}
	etc := filepath.Join(folder, "etc", "caddy-payermax")
	private := filepath.Join(etc, "private.key")
	for _, args := range [][]string{
		{"genrsa", "-out", private, "2048"}, {"rsa", "-in", private, "-pubout", "-out", filepath.Join(etc, "payermax.pub")},
	} {
		out, err := exec.Command(tool(t, "openssl"), args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, os.Chmod(private, 0o600))
	copyFile(t, caddy(t), filepath.Join(folder, "usr", "local", "bin", "caddy-payermax"), 0o755)
	copyFile(t, "../Caddyfile.example", filepath.Join(etc, "Caddyfile"), 0o644)
	copyFile(t, systemdUnit, filepath.Join(folder, "etc", "systemd", "system", filepath.Base(systemdUnit)), 0o644)
	application := readmeUnit(t) + "[Service]\nExecStart=/bin/sleep infinity\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "etc", "systemd", "system", "application.service"), []byte(application), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(etc, "environment"), []byte("PAYERMAX_GATEWAY=uat\nPAYERMAX_APP_ID=app\nPAYERMAX_MERCHANT_NO=1\n"), 0o644))
}

// readmeUnit returns the lines that the README puts into an application's unit.
func readmeUnit(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("systemd/README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(readme), "```ini\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	return block
}
