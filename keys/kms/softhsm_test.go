//go:build cgo && !nopkcs11

package kms

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"
	"go.step.sm/crypto/kms/apiv1"
	step "go.step.sm/crypto/kms/pkcs11"
)

const (
	softHSMLabel = "payermax"
	softHSMPIN   = "4711-4711"
)

// softHSM is a real SoftHSM2 with one token in a temporary directory.
type softHSM struct {
	t       *testing.T
	library string
	pinFile string
}

// newSoftHSM creates a token without keys.
func newSoftHSM(t *testing.T) *softHSM {
	t.Helper()
	h := &softHSM{t: t, pinFile: filepath.Join(t.TempDir(), "pin")}
	for _, pattern := range []string{
		"/usr/lib/softhsm/libsofthsm2.so",
		"/usr/lib/*/softhsm/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so",
		"/opt/homebrew/lib/softhsm/libsofthsm2.so",
	} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			h.library = found[0]
			break
		}
	}
	if _, err := exec.LookPath("softhsm2-util"); err != nil || h.library == "" {
		t.Skip("SoftHSM2 is not installed; to run this test: apt-get install -y softhsm2")
	}

	dir := t.TempDir()
	config := filepath.Join(dir, "softhsm2.conf")
	require.NoError(t, os.WriteFile(config, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", config)
	require.NoError(t, os.WriteFile(h.pinFile, []byte(softHSMPIN+"\n"), 0o600))
	h.initToken(softHSMPIN)
	return h
}

func (h *softHSM) util(args ...string) {
	h.t.Helper()
	output, err := exec.Command("softhsm2-util", args...).CombinedOutput()
	require.NoError(h.t, err, string(output))
}

func (h *softHSM) initToken(pin string) {
	h.t.Helper()
	h.util("--init-token", "--free", "--label", softHSMLabel, "--so-pin", "12345678", "--pin", pin)
}

// generate creates a key pair in the token.
func (h *softHSM) generate(object, id string, algorithm apiv1.SignatureAlgorithm, bits int) {
	h.t.Helper()
	manager, err := step.New(h.t.Context(), apiv1.Options{URI: "pkcs11:token=" + softHSMLabel + ";module-path=" + h.library, Pin: softHSMPIN})
	require.NoError(h.t, err)
	defer func() { require.NoError(h.t, manager.Close()) }()
	_, err = manager.CreateKey(&apiv1.CreateKeyRequest{
		Name:               "pkcs11:object=" + object + ";id=" + id,
		SignatureAlgorithm: algorithm,
		Bits:               bits,
	})
	require.NoError(h.t, err)
}

// signing creates the key "signing" and returns its config.
func (h *softHSM) signing() string {
	h.t.Helper()
	h.generate("signing", "01", apiv1.SHA256WithRSA, 2048)
	return h.source("signing")
}

func (h *softHSM) source(object string) string {
	return "pkcs11 pkcs11:token=" + softHSMLabel + ";object=" + object + "?module-path=" + h.library + "&pin-source=" + h.pinFile
}

// backdoor returns the same library in the same process, so that a test can change the
// token without the source's knowledge.
func (h *softHSM) backdoor() (library *pkcs11.Ctx, slot uint) {
	h.t.Helper()
	library = pkcs11.New(h.library)
	require.NotNil(h.t, library)
	slots, err := library.GetSlotList(true)
	require.NoError(h.t, err)
	for _, slot := range slots {
		info, err := library.GetTokenInfo(slot)
		require.NoError(h.t, err)
		if info.Label == softHSMLabel {
			return library, slot
		}
	}
	h.t.Fatal("there is no such token")
	return nil, 0
}
