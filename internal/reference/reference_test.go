package reference

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// change is a change of the module's source.
type change struct{ file, old, new string }

// changedModule copies the module's source to a folder of its own and changes it.
func changedModule(t *testing.T, changes ...change) string {
	t.Helper()
	paths, err := filepath.Glob("../../*.go")
	require.NoError(t, err)
	folder := t.TempDir()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		code, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, c := range changes {
			if c.file == filepath.Base(path) {
				require.Contains(t, string(code), c.old)
				code = []byte(strings.Replace(string(code), c.old, c.new, 1))
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(path)), code, 0o600))
	}
	return folder
}

// What changes in the module without the page is noticed, in either direction.
func TestWriteNotices(t *testing.T) {
	for _, test := range []struct {
		name   string
		change change
		says   string
	}{
		{
			"a new option", change{"caddyfile_notify.go", `case "ack":`, `case "ack", "acknowledge":`},
			"the page lacks the option acknowledge of Notify.UnmarshalCaddyfile",
		},
		{
			"a new option that is compared with",
			change{"caddyfile_limits.go", `case d.Val() == "caller":`, `case d.Val() == "callers":
			err = l.Callers
		case d.Val() == "caller":`},
			"caller",
		},
		{
			"an option that is gone", change{"caddyfile_notify.go", `case "duplicates":`, `case "repeats":`},
			"Notify.UnmarshalCaddyfile has no option duplicates; take it out of the page",
		},
		{
			"an option that is not in the grammar", change{"caddyfile_notify.go", "//\t    ack                after\n", ""},
			"the grammar in the comment of parseNotify has no ack",
		},
		{
			"an option that does nothing", change{"caddyfile_notify.go", "unmarshalText(d, &n.Ack)", "nil"},
			"option ack sets no field of Notify",
		},
		{
			"a field without an option", change{"notify.go", "\tkeyring *keyring\n", "\tExtra string `json:\"extra,omitempty\"`\n\tkeyring *keyring\n"},
			"the page lacks Notify.Extra, which no option sets",
		},
		{
			"another name in a comment", change{"notify.go", "// Notify verifies", "// It verifies"},
			"there is no struct Notify, or its comment does not begin with its name",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Write(changedModule(t, test.change), nil)
			assert.ErrorContains(t, err, test.says)
		})
	}
}

// What a doc comment says is on the page.
func TestWriteRepeatsComments(t *testing.T) {
	page, err := Write(changedModule(t,
		change{"notify.go", "// The largest notification that is accepted, in bytes.\n\t// Default: 262144 (256 KiB).",
			"// The largest one, in the forms of GatewayPublicKeys.\n\t// Default: 1 MiB. Placeholders are expanded when the config is loaded."},
	), []Endpoint{{Name: "refund", Version: "1.4", Rules: []string{"1.4", "1.5"}, MovesMoney: true}})
	require.NoError(t, err)
	assert.Contains(t, page.Text, "| `max_body_size` | `max_body_size` | 1 MiB | when the config is loaded |\n")
	assert.Contains(t, page.Text, "\n\nThe largest one, in the forms of `gateway_public_keys`. Default: 1 MiB. ")
	assert.Contains(t, page.Text, "\n| `refund` | 1.4 | 1.4, 1.5 |  |  | yes |\n")
}

func TestReflow(t *testing.T) {
	long := strings.Repeat("word ", 40)
	for line := range strings.Lines(reflow(long)) {
		assert.LessOrEqual(t, len(line), pageWidth+1)
	}
	assert.Equal(t, "- one two\n- three", reflow("  - one\n    two\n  - three"))
	assert.Equal(t, "a | b\n---|---\nc | d", reflow("a | b\n---|---\nc | d"))
}
