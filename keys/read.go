package keys

import (
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// maxReads is how often a generation is read at most if it keeps changing while it is
// read.
const maxReads = 10

// readConsistently reads a generation, and reads again if anything changed in the
// meantime: a private key of one generation does not work with the key version of the
// next. It returns the stamp of what it read.
func (r *Ring) readConsistently() (*Generation, [sha256.Size]byte, error) {
	before := r.stamp()
	for range maxReads {
		loaded, err := r.read()
		after := r.stamp()
		if after == before {
			return loaded, after, err
		}
		before = after
	}
	return nil, before, errors.New("the key files change faster than they can be read")
}

// read reads everything that belongs to a generation.
func (r *Ring) read() (*Generation, error) {
	loaded := Generation{Loaded: time.Now()}
	if err := r.readSigning(&loaded); err != nil {
		return nil, err
	}
	for _, path := range r.config.GatewayFiles {
		key, err := signer.ReadPublicKeyFile(path)
		if err != nil {
			return nil, fmt.Errorf("gateway_public_key: %w", err)
		}
		loaded.Gateway = append(loaded.Gateway, key)
	}
	loaded.Gateway = slices.Clip(append(loaded.Gateway, r.config.GatewayKeys...))
	if err := r.checkPair(loaded); err != nil {
		return nil, fmt.Errorf("merchant_public_key: %w", err)
	}
	return &loaded, nil
}

// readSigning reads the keys that sign and the key version. A ring that only verifies has
// no source, so nothing is read.
func (r *Ring) readSigning(loaded *Generation) error {
	source, next := r.config.Source, r.config.Next
	if source == nil {
		return nil
	}
	var err error
	if loaded.Signing, err = source.testedKey(); err != nil {
		return fmt.Errorf("%s: %w", source.option("private_key"), err)
	}
	if next != nil && !next.isNotThereYet() {
		if loaded.Next, err = next.testedKey(); err != nil {
			return fmt.Errorf("%s: %w", next.option("next_private_key"), next.explainAbsence(err))
		}
	}
	loaded.KeyVersion, err = r.config.KeyVersion()
	return err
}

// checkPair returns an error if the key that signs does not belong to the public key that
// was uploaded to PayerMax.
func (r *Ring) checkPair(loaded Generation) error {
	if r.config.MerchantFile == "" {
		return nil
	}
	uploaded, err := signer.ReadPublicKeyFile(r.config.MerchantFile)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(loaded.Gateway, func(theirs *rsa.PublicKey) bool { return theirs.Equal(uploaded) }) && !loaded.Signing.isHalfOf(uploaded) {
		return fmt.Errorf("%s is the key that gateway_public_key names, PayerMax's, not the merchant's own; name the public half of private_key", r.config.MerchantFile)
	}
	if !loaded.Signing.isHalfOf(uploaded) {
		return fmt.Errorf("it has the fingerprint %s, but the private key belongs to %s; PayerMax would refuse every signature, so upload the matching public key, or mount the matching private key",
			signer.Fingerprint(uploaded), loaded.Signing.Fingerprint)
	}
	return nil
}

// stamp returns a hash of everything that a generation would be read from right now: the
// contents of the files, regardless of their times and links, the fingerprints of keys
// that are not in files, and the key version.
func (r *Ring) stamp() [sha256.Size]byte {
	sum := sha256.New()
	for _, path := range r.files() {
		content, err := signer.ReadKeyText(path)
		fmt.Fprintf(sum, "%d %v ", len(content), err)
		sum.Write(content)
	}
	for _, source := range []*NamedSource{r.config.Source, r.config.Next} {
		if source == nil {
			continue
		}
		if _, isInFile := source.file(); isInFile {
			continue
		}
		_, fingerprint, err := source.Key()
		fmt.Fprintf(sum, "%s %v ", fingerprint, err)
	}
	if r.config.Source != nil {
		version, err := r.config.KeyVersion()
		fmt.Fprintf(sum, "%s %v", version, err)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// files returns the paths of the files that a generation is read from.
func (r *Ring) files() []string {
	var paths []string
	for _, source := range []*NamedSource{r.config.Source, r.config.Next} {
		if source == nil {
			continue
		}
		if path, isInFile := source.file(); isInFile {
			paths = append(paths, path)
		}
	}
	paths = append(paths, r.config.GatewayFiles...)
	if r.config.MerchantFile != "" {
		paths = append(paths, r.config.MerchantFile)
	}
	return paths
}
