package doctor

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// SourceFile is the Source of a [Key] that is in a file.
const SourceFile = "file"

// Key is a private key as the configuration names it.
type Key struct {
	// Source is where the key is stored: SourceFile, or the name of another source.
	Source string
	// Path is the path of the file, if Source is SourceFile.
	Path Option
	// RefuseWorldReadable is true if the sidecar refuses a file that every user may read.
	RefuseWorldReadable bool
	// WithEngine returns a signer that computes the signatures of a key in a file with
	// another engine than crypto/rsa. If it returns an error, crypto/rsa is used. It is nil
	// if crypto/rsa is configured.
	WithEngine func(*rsa.PrivateKey) (crypto.Signer, error)
	// Load loads the key from a source other than a file. It is nil if the source must not
	// be asked.
	Load func() (crypto.Signer, error)
}

// isNotThereYet reports whether the key is a file that does not exist, in a directory
// that does. That is fine for a next key, whose file may be created later.
func (k Key) isNotThereYet() bool {
	if k.Source != SourceFile || !k.Path.isUsable() {
		return false
	}
	if _, err := os.Stat(k.Path.Value); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	directory, err := os.Stat(filepath.Dir(k.Path.Value))
	return err == nil && directory.IsDir()
}

const (
	// slowSignature is how long a signature may take before it is worth a
	// warning.
	slowSignature = time.Second
	// signTimeout is how long to wait for a signature. PayerMax's own SDKs give up on a
	// whole call after this time.
	signTimeout = 15 * time.Second
)

// checkKey loads a private key, tests it by signing, and checks its file. The returned
// key is nil if it cannot be used.
func checkKey(name string, k Key) (crypto.Signer, []Result) {
	if k.Source != SourceFile {
		return checkSource(name, k)
	}
	if !k.Path.isUsable() {
		return nil, []Result{checkOption(k.Path).as(name)}
	}
	file := checkFile(name+" file", k.Path.Value, k.RefuseWorldReadable)
	key, err := signer.ReadPrivateKeyFile(k.Path.Value)
	if err != nil {
		return nil, append([]Result{problem(name, "%v", err).then("%s", nextForFile(err, k.Path))}, file...)
	}
	described := ok(name, "RSA of %d bits, %s, fingerprint %s", key.N.BitLen(), signer.FormOfFile(k.Path.Value), signer.Fingerprint(&key.PublicKey))
	signing, engine := checkEngine(name+" engine", k, key)
	results := append([]Result{described}, engine...)
	return signing, slices.Concat(results, []Result{checkSigning(name, signing)}, file)
}

// checkEngine returns the signer for a key: that of the configured engine, or the key
// itself if there is no engine or the engine fails.
func checkEngine(name string, k Key, key *rsa.PrivateKey) (crypto.Signer, []Result) {
	if k.WithEngine == nil {
		return key, nil
	}
	signing, err := k.WithEngine(key)
	if err != nil {
		return key, []Result{warning(name, "the engine cannot be used, so crypto/rsa signs, which takes more CPU time: %v", err).
			then("remove the option engine, or run the sidecar on a machine where it can be used")}
	}
	return signing, []Result{ok(name, "the engine works, and signs")}
}

// checkSource loads a key from a source other than a file.
func checkSource(name string, k Key) (crypto.Signer, []Result) {
	if k.Load == nil {
		return nil, []Result{notChecked(name, "the key is in %s, which --offline does not ask", k.Source)}
	}
	key, err := k.Load()
	if err != nil {
		return nil, []Result{problem(name, "%s: %s", k.Source, Discreet(err.Error()))}
	}
	public, isRSA := publicOf(key)
	if !isRSA {
		return nil, []Result{problem(name, "%s: the key is a %T, but PayerMax's signature needs RSA", k.Source, key.Public())}
	}
	return key, []Result{
		ok(name, "RSA of %d bits in %s, fingerprint %s", public.N.BitLen(), k.Source, signer.Fingerprint(public)),
		checkSigning(name, key),
	}
}

// checkSigning signs a text and verifies the signature, and reports how long signing
// took.
func checkSigning(name string, key crypto.Signer) Result {
	check := name + " self-test"
	text := []byte("a text that is signed to see whether the key works")
	ctx, cancel := context.WithTimeout(context.Background(), signTimeout)
	defer cancel()
	began := time.Now()
	signature, err := signer.Sign(ctx, key, text)
	took := time.Since(began)
	if err != nil {
		return problem(check, "%s", Discreet(err.Error()))
	}
	if public, isRSA := publicOf(key); !isRSA || signer.Verify(public, text, signature) != nil {
		return problem(check, "its signatures do not verify")
	}
	if took > slowSignature {
		return warning(check, "it signs and the signature verifies, but that took %s, and every call has to wait that long", rounded(took)).
			then("find out what is slow between the sidecar and the key")
	}
	return ok(check, "it signs and the signature verifies; a signature takes %s", rounded(took))
}

// checkNextKey compares the next key with the key that it will replace.
func checkNextKey(keys merchantKeys) []Result {
	signing, isRSA := publicOf(keys.signing)
	next, nextIsRSA := publicOf(keys.next)
	if isRSA && nextIsRSA && signing.Equal(next) {
		return []Result{warning("next key", "it is the same key as the private key, so there is no key to change to").
			then("name the new key, or remove the option")}
	}
	return nil
}

// checkPair compares a key with the public key that was given to PayerMax.
func checkPair(o Option, key crypto.Signer) Result {
	const name = "merchant public key"
	own, _ := publicOf(key)
	switch {
	case !o.isSet():
		return notChecked(name, "no merchant_public_key is configured to compare the private key with").
			then("upload the public key of this private key to PayerMax's dashboard, and name its file: merchant_public_key <path>")
	case !o.isUsable():
		return checkOption(o).as(name)
	}
	uploaded, err := signer.ReadPublicKeyFile(o.Value)
	if err != nil {
		return problem(name, "%v", err).then("%s", nextForFile(err, o))
	}
	if !uploaded.Equal(own) {
		return problem(name, "it has the fingerprint %s and does not belong to the private key, whose fingerprint is %s",
			signer.Fingerprint(uploaded), signer.Fingerprint(own)).
			then("upload the matching public key to PayerMax, or mount the matching private key")
	}
	return ok(name, "it belongs to the private key")
}

// nextForFile says what to do about the file of an option that cannot be read. If the
// file is readable but its content is wrong, the error itself explains that.
func nextForFile(err error, o Option) string {
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(o.Empty) > 0:
		return strings.Join(o.Empty, " and ") + " is empty or not set: " + nextForEmpty(o.Empty)
	case errors.Is(err, fs.ErrNotExist):
		return "check the path, and in a container that the Secret is mounted there"
	case errors.Is(err, fs.ErrPermission):
		return "give the sidecar's user read permission, with chown, or in Kubernetes with fsGroup"
	}
	return ""
}

// rounded rounds a duration to about three digits.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
