//go:build cgo && !nopkcs11

package kms

import (
	"crypto/rsa"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.step.sm/crypto/kms/apiv1"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
)

func TestPKCS11Signs(t *testing.T) {
	hsm := newSoftHSM(t)
	hsm.generate("signing", "0a10", apiv1.SHA256WithRSA, 2048)
	t.Setenv("PAYERMAX_TEST_PIN", softHSMPIN)
	t.Setenv("PAYERMAX_TEST_URI", "pkcs11:token=payermax;object=signing;module-path="+hsm.library+"?pin-value="+softHSMPIN+"\n")

	var public *rsa.PublicKey
	for name, input := range map[string]string{
		"by label":              hsm.source("signing"),
		"by ID in hex":          "pkcs11 pkcs11:token=payermax;id=0a10?module-path=" + hsm.library + "&pin-source=" + hsm.pinFile,
		"by percent-encoded ID": "pkcs11 pkcs11:token=payermax;id=%0a%10?module-path=" + hsm.library + "&pin-source=" + hsm.pinFile,
		"pin-source as URI":     "pkcs11 pkcs11:token=payermax;object=signing;id=0a10;module-path=" + hsm.library + "?pin-source=file://" + hsm.pinFile,
		"PIN by placeholder":    "pkcs11 pkcs11:token=payermax;object=signing;module-path=" + hsm.library + "?pin-value={env.PAYERMAX_TEST_PIN}",
		"PIN by file":           "pkcs11 pkcs11:token=payermax;object=signing;module-path=" + hsm.library + "?pin-value={file." + hsm.pinFile + "}",
		"URI by placeholder":    "pkcs11 {env.PAYERMAX_TEST_URI}",
		"with options":          hsm.source("signing") + " {\n timeout 5s\n max_in_flight 1\n}",
	} {
		t.Run(name, func(t *testing.T) {
			key := mustKey(t, mustLoad(t, input))
			assert.NoError(t, signWith(t, key))
			if public == nil {
				public = key.Public().(*rsa.PublicKey)
			}
			assert.True(t, public.Equal(key.Public()))
		})
	}
}

func TestPKCS11SurvivesALostSession(t *testing.T) {
	for name, kill := range map[string]func(*softHSM){
		"sessions closed": func(h *softHSM) {
			library, slot := h.backdoor()
			require.NoError(h.t, library.CloseAllSessions(slot))
		},
		"logged out": func(h *softHSM) {
			library, slot := h.backdoor()
			session, err := library.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
			require.NoError(h.t, err)
			require.NoError(h.t, library.Logout(session))
			require.NoError(h.t, library.CloseSession(session))
		},
		"library finalized": func(h *softHSM) {
			library, _ := h.backdoor()
			require.NoError(h.t, library.Finalize())
		},
	} {
		t.Run(name, func(t *testing.T) {
			hsm := newSoftHSM(t)
			key := mustKey(t, mustLoad(t, hsm.signing()))
			require.NoError(t, signWith(t, key))
			for range 3 {
				kill(hsm)
				require.NoError(t, signWith(t, key))
			}
		})
	}
}

func TestPKCS11SurvivesLossesUnderLoad(t *testing.T) {
	hsm := newSoftHSM(t)
	key := mustKey(t, mustLoad(t, hsm.signing()))

	// SoftHSM crashes when a session is closed in the middle of a signature, which the
	// sources never do. So the sessions are closed between signatures, and then all
	// workers find their sessions dead at once.
	var gate sync.RWMutex
	var stop atomic.Bool
	var signed atomic.Int32
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			for !stop.Load() {
				gate.RLock()
				err := signWith(t, key)
				gate.RUnlock()
				if assert.NoError(t, err) {
					signed.Add(1)
				}
			}
		})
	}
	library, slot := hsm.backdoor()
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		gate.Lock()
		assert.NoError(t, library.CloseAllSessions(slot))
		gate.Unlock()
	}
	time.Sleep(100 * time.Millisecond)
	stop.Store(true)
	group.Wait()
	t.Logf("%d signatures, 5 losses", signed.Load())
	assert.Positive(t, signed.Load())
}

func TestPKCS11TokenReplaced(t *testing.T) {
	hsm := newSoftHSM(t)
	source := mustLoad(t, hsm.signing())
	key := mustKey(t, source)
	_, before, err := source.Key()
	require.NoError(t, err)

	replace := func() {
		hsm.util("--delete-token", "--token", softHSMLabel)
		library := pkcs11.New(hsm.library)
		require.NoError(t, library.Finalize())
	}
	replace()
	assert.ErrorIs(t, signWith(t, key), remote.ErrUnavailable, "the token is gone")

	hsm.initToken(softHSMPIN)
	config := hsm.signing()
	err = signWith(t, key)
	assert.ErrorIs(t, err, remote.ErrUnavailable)
	assert.ErrorContains(t, err, "another key")

	_, after, err := mustLoad(t, config).Key()
	require.NoError(t, err)
	assert.NotEqual(t, before, after, "a new config takes the new key")
}

func TestPKCS11RefusesKeysThatPayerMaxDoesNotWant(t *testing.T) {
	hsm := newSoftHSM(t)
	hsm.generate("weak", "01", apiv1.SHA256WithRSA, 1024)
	hsm.generate("curve", "02", apiv1.ECDSAWithSHA256, 0)
	for object, want := range map[string]string{
		"weak":    "the RSA key has 1024 bits, which is too weak",
		"curve":   "needs an RSA key, this one is a *ecdsa.PublicKey",
		"missing": "the token has no such key",
	} {
		t.Run(object, func(t *testing.T) {
			_, _, err := mustLoad(t, hsm.source(object)).Key()
			assert.ErrorContains(t, err, "loading the signing key: ")
			assert.ErrorContains(t, err, want)
		})
	}
}

func TestPKCS11CannotLoad(t *testing.T) {
	hsm := newSoftHSM(t)
	empty := hsm.pinFile + ".empty"
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	quoted, named := hsm.pinFile+".quoted", hsm.pinFile+".named"
	require.NoError(t, os.WriteFile(quoted, []byte("'"+softHSMPIN+"'\n"), 0o600))
	require.NoError(t, os.WriteFile(named, []byte("PIN="+softHSMPIN+"\n"), 0o600))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for name, test := range map[string]struct{ input, want string }{
		"no such library": {"pkcs11 pkcs11:token=payermax;object=a;module-path=/nonexistent.so?pin-source=" + hsm.pinFile, "failed to open module"},
		"no such token":   {"pkcs11 pkcs11:token=other;object=a;module-path=" + hsm.library + "?pin-source=" + hsm.pinFile, "could not find PKCS#11 token"},
		"no PIN file":     {"pkcs11 pkcs11:token=payermax;object=a;module-path=" + hsm.library + "?pin-source=/nonexistent/pin", "reading pin-source: open /nonexistent/pin"},
		"PIN from a pipe": {"pkcs11 pkcs11:token=payermax;object=a;module-path=" + hsm.library + "?pin-source=" + pipe, "reading pin-source: " + pipe + ": is not a regular file"},
		"PIN in quotes":   {"pkcs11 pkcs11:token=payermax;object=a;module-path=" + hsm.library + "?pin-source=" + quoted, "its value, which is not repeated here, has quotes in it"},
		"PIN with a name": {"pkcs11 pkcs11:token=payermax;object=a;module-path=" + hsm.library + "?pin-source=" + named, "its value, which is not repeated here, has the name of a setting"},
		"empty PIN file":  {"pkcs11 pkcs11:token=payermax;object=a;module-path=" + hsm.library + "?pin-source=" + empty, "is empty; it must contain the token's user PIN"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := mustLoad(t, test.input).Key()
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestPKCS11SendsARefusedPINOnce(t *testing.T) {
	hsm := newSoftHSM(t)
	config := hsm.signing()
	const wrong = "canary-0815"
	require.NoError(t, os.WriteFile(hsm.pinFile, []byte(wrong), 0o600))

	source := mustLoad(t, config).(*PKCS11)
	_, _, err := source.Key()
	require.ErrorContains(t, err, "CKR_PIN_INCORRECT")
	assert.NotContains(t, err.Error(), wrong)

	_, err = source.key.Public()
	require.ErrorContains(t, err, "the token refused this PIN before")
	assert.NotContains(t, err.Error(), wrong)

	require.NoError(t, os.WriteFile(hsm.pinFile, []byte(softHSMPIN), 0o600))
	_, err = source.key.Public()
	assert.NoError(t, err, "the file is read again")
}

func TestPKCS11Reload(t *testing.T) {
	hsm := newSoftHSM(t)
	config := hsm.signing()
	_, cancel, err := loadSource(t, config) // never asked for its key
	require.NoError(t, err)
	cancel()

	old, endOld, err := loadSource(t, config)
	require.NoError(t, err)
	oldKey := mustKey(t, old)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 20 {
		source, end, err := loadSource(t, config)
		require.NoError(t, err)
		key := mustKey(t, source)
		require.NoError(t, signWith(t, key))
		endOld()
		require.NoError(t, signWith(t, key), "the new config signs when the old one is gone")
		require.NoError(t, signWith(t, oldKey), "so does a request that is still served with the old one")
		oldKey, endOld = key, end
	}
	assert.Eventually(t, func() bool {
		return runtime.NumGoroutine() <= goroutines+5 && openFiles(t) <= files+5
	}, 30*time.Second, 10*time.Millisecond)
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("open files can only be counted where there is /proc")
	}
	return len(files)
}

func mustLoad(t *testing.T, input string) keySource {
	t.Helper()
	source, _, err := loadSource(t, input)
	require.NoError(t, err)
	return source
}
