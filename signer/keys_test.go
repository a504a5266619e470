package signer

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// utf16LE encodes ASCII text as Windows programs save "Unicode": in UTF-16 with a byte
// order mark.
func utf16LE(text string) string {
	return "\xff\xfe" + strings.Join(strings.Split(text, ""), "\x00") + "\x00"
}

// utf32LE encodes ASCII text in UTF-32 with a byte order mark.
func utf32LE(text string) string {
	return "\xff\xfe\x00\x00" + strings.Join(strings.Split(text, ""), "\x00\x00\x00") + "\x00\x00\x00"
}

// openssl runs OpenSSL in a new directory with the given files, and returns what it
// printed. With an argument %OUT%, it returns what OpenSSL wrote to that file instead.
func openssl(t *testing.T, files map[string]string, args ...string) string {
	t.Helper()
	return run(t, "openssl", files, args...)
}

func run(t *testing.T, program string, files map[string]string, args ...string) string {
	t.Helper()
	path := testtool.Find(t, program)
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	out := ""
	for i, arg := range args {
		if arg == "%OUT%" {
			args[i], out = "out", filepath.Join(dir, "out")
		}
	}
	command := exec.Command(path, args...)
	command.Dir = dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	printed, err := command.Output()
	require.NoError(t, err, "%s %s: %s", program, strings.Join(args, " "), stderr.String())
	if out == "" {
		return string(printed)
	}
	written, err := os.ReadFile(out)
	require.NoError(t, err)
	return string(written)
}

// requireSilent fails when the message repeats any eight characters or bytes of the
// secret, as text or decoded.
func requireSilent(t *testing.T, message, secret string) {
	t.Helper()
	windows := func(material string) { testkeys.RequireSilent(t, message, material, 8) }
	var body strings.Builder // the key text without armour and line breaks
	for line := range strings.Lines(secret) {
		if !strings.Contains(line, "-----") && !strings.Contains(line, ": ") {
			body.WriteString(strings.TrimSpace(line))
		}
	}
	windows(body.String())
	if der, err := base64.StdEncoding.DecodeString(body.String()); err == nil {
		windows(string(der))
	}
}
