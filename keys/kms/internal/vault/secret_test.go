package vault

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const canary = "hvs.CANARY"

func TestSecretShowsNothing(t *testing.T) {
	secret := newSecret(canary)
	inside := struct {
		secret Secret
		Secret Secret
		Lease  Lease
	}{secret, secret, Lease{Token: secret}}

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
		for _, value := range []any{secret, &secret, inside, &inside, []Secret{secret}, map[string]Secret{"a": secret}} {
			printed := fmt.Sprintf(verb, value)
			assert.NotContains(t, printed, "CANARY", verb)
			assert.NotContains(t, printed, fmt.Sprintf("%x", canary), verb)
		}
	}
	encoded, err := json.Marshal(inside)
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), "CANARY")
	assert.Contains(t, string(encoded), redacted)
	assert.Equal(t, redacted, secret.String())
	assert.Equal(t, redacted, secret.GoString())
}

func TestReadSecret(t *testing.T) {
	for name, content := range map[string]string{
		"bare":       canary,
		"line break": canary + "\n",
		"CRLF":       canary + "\r\n",
		"spaces":     "  " + canary + " \n\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

			secret, err := ReadSecret(path)

			require.NoError(t, err)
			assert.Equal(t, canary, secret.reveal())
			assert.True(t, secret.Equal(newSecret(canary)))
			assert.False(t, secret.IsZero())
		})
	}
}

func TestReadSecretRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		err     string
	}{
		"empty":         {"", "is empty"},
		"white space":   {" \n\t\n", "is empty"},
		"too large":     {strings.Repeat("CANARY", 16<<10), "is larger than 16 KiB"},
		"wrapped":       {`{"token":"CANARY"}`, "contains JSON"},
		"quotes":        {"\"CANARY\"\n", "has quotes around it"},
		"exported":      {"export VAULT_TOKEN=CANARY", "has the name of a setting before it"},
		"named":         {"VAULT_TOKEN=CANARY\n", "has the name of a setting before it"},
		"two lines":     {"CANARY\nCANARY", "characters that no token has"},
		"two words":     {"token CANARY", "characters that no token has"},
		"NUL":           {"CANARY\x00", "characters that no token has"},
		"not ASCII":     {"CANARY\xff", "characters that no token has"},
		"header inject": {"CANARY\r\nX-Other: 1", "characters that no token has"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))

			_, err := ReadSecret(path)

			require.ErrorContains(t, err, test.err)
			assert.ErrorContains(t, err, path)
			assert.NotContains(t, err.Error(), "CANARY")
		})
	}

	t.Run("no file", func(t *testing.T) {
		_, err := ReadSecret(filepath.Join(t.TempDir(), "token"))
		assert.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("directory", func(t *testing.T) {
		_, err := ReadSecret(t.TempDir())
		assert.ErrorContains(t, err, "is not a regular file")
	})
}
