package commands_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// terminal opens a pseudo-terminal (pty(7)): what is written to the user's side can be
// read from the other side.
func terminal(t *testing.T) (user, other *os.File) {
	t.Helper()
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	control := func(request uintptr, argument *int32) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, other.Fd(), request, uintptr(unsafe.Pointer(argument)))
		require.Zero(t, errno)
	}
	var unlock, number int32
	control(syscall.TIOCSPTLCK, &unlock)
	control(syscall.TIOCGPTN, &number)
	user, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { user.Close(); other.Close() })
	return user, other
}

// onTerminal runs Caddy with a terminal for input and output, and returns what it shows.
func (r run) onTerminal(t *testing.T, args ...string) (seen string, code int) {
	t.Helper()
	user, other := terminal(t)
	cmd := r.command(t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = user, user, user
	_ = cmd.Run() // the exit code is returned
	require.NoError(t, user.Close())
	var buf bytes.Buffer
	_, _ = buf.ReadFrom(other) // a terminal ends with an error
	return strings.ReplaceAll(buf.String(), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

func TestColours(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	r.write(t, "sign", signed(t, testkeys.Merchant(), body))
	verify := func(key string, env ...string) string {
		r.env = append([]string{"TERM=xterm"}, env...)
		seen, code := r.onTerminal(t, "payermax-verify", "--public-key", key, "--body", "request.json", "--sign-file", "sign")
		assert.Equal(t, key == "merchant.pub", code == 0)
		return seen
	}
	assert.Equal(t, "\x1b[1;32mvalid\x1b[0m\n", verify("merchant.pub"))
	assert.True(t, strings.HasPrefix(verify("stranger.pub"), "\x1b[1;31minvalid\x1b[0m\n"))
	assert.Equal(t, "valid\n", verify("merchant.pub", "NO_COLOR=1"))
	assert.Equal(t, "\x1b[1;32mvalid\x1b[0m\n", verify("merchant.pub", "NO_COLOR="))
	assert.Equal(t, "valid\n", verify("merchant.pub", "TERM=dumb"))
}

// No private key is printed to a terminal.
func TestNoPrivateKeyOnTerminal(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	for _, args := range []string{
		"payermax-convert --in merchant.key --to pkcs8-pem", "payermax-convert --in merchant.key --to pkcs1-pem",
		"payermax-convert --in merchant.key --to base64", "payermax-convert --in merchant.key --to der",
		"payermax-keygen --out new --kubernetes-secret a --manifest -",
	} {
		before := r.names(t)
		seen, code := r.onTerminal(t, strings.Fields(args)...)
		assert.Equal(t, 1, code)
		assert.Contains(t, seen, "standard output is a terminal, where a private key must not appear")
		requireNoPrivateKey(t, seen, r.read(t, "merchant.key"))
		assert.Equal(t, before, r.names(t), "nothing was made")
	}
	seen, code := r.onTerminal(t, "payermax-convert", "--in", "merchant.key", "--to", "public-base64")
	assert.Zero(t, code)
	assert.Contains(t, seen, testkeys.OneLine(testkeys.SPKI(&testkeys.Merchant().PublicKey)), "a public key may be seen")
}

// The user is prompted if the body has to be typed.
func TestBodyFromTerminal(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	user, other := terminal(t)
	_, err := other.WriteString("{}\n\x04") // Ctrl-D
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	cmd := r.command(t, "payermax-sign", "--private-key", "merchant.key")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = user, &stdout, &stderr
	require.NoError(t, cmd.Run(), stderr.String())
	assert.Contains(t, stderr.String(), "read from this terminal")
	assert.Equal(t, signed(t, testkeys.Merchant(), "{}\n")+"\n", stdout.String())
}

// The null device is not a terminal, so private keys may be written to it.
func TestNullDevice(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	cmd := r.command(t, "payermax-convert", "--in", "merchant.key", "--to", "pkcs8-pem")
	cmd.Stdout = null
	assert.NoError(t, cmd.Run())
}
