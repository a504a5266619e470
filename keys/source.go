package keys

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Source is where a signing key lives. Guest modules in the namespace
// payermax.keys implement it; a configuration names one by its source.
//
// Key is called when the config is loaded and from then on every few seconds,
// so a source that is remote keeps the key's public half and answers from it. A
// key that lives elsewhere also implements [signer.ContextSigner], so that it can
// give up when the request does.
type Source interface {
	// Key returns the key that signs now, which is RSA with at least 2048 bits,
	// and the fingerprint of its public half: "sha256:" and the SHA-256 of its
	// SPKI DER in hexadecimal.
	Key() (key crypto.Signer, fingerprint string, err error)
}

// FileSource is a Source whose key is in a file. The ring watches that file, and
// asks the source for its key when the file has changed, rather than every few
// seconds.
type FileSource interface {
	Source
	// KeyFile returns the path of the file, whose placeholders are expanded.
	KeyFile() string
}

// NamedSource is a source as the config names it.
type NamedSource struct {
	Source
	// Name is the source's, such as file.
	Name string
}

// LoadSource loads the guest module that raw configures, a field of the struct that
// owner points to. It returns nil if raw is.
func LoadSource(ctx caddy.Context, owner any, field string, raw json.RawMessage) (*NamedSource, error) {
	if raw == nil {
		return nil, nil
	}
	if err := guests.CheckRaw(raw); err != nil {
		return nil, err
	}
	module, err := ctx.LoadModule(owner, field)
	if err != nil {
		return nil, err
	}
	source, ok := module.(Source)
	if !ok {
		return nil, fmt.Errorf("module %T is not a source of keys", module)
	}
	var named struct {
		Source string `json:"source"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, err
	}
	return &NamedSource{source, named.Source}, nil
}

const (
	// selfTest is what a key has to sign before it is used. It is no PayerMax
	// call, so its signature is of no use to anybody.
	selfTest = "caddy-payermax self-test"
	// selfTestTimeout is ample for a key that lives elsewhere.
	selfTestTimeout = 10 * time.Second
)

// testedKey asks the source for its key and makes sure that it can be used.
func (s *NamedSource) testedKey() (Key, error) {
	key, fingerprint, err := s.Key()
	if err != nil {
		return Key{}, err
	}
	if _, ok := key.Public().(*rsa.PublicKey); !ok {
		return Key{}, fmt.Errorf("the key is a %T, but PayerMax's signature needs RSA", key.Public())
	}
	ctx, cancel := context.WithTimeout(context.Background(), selfTestTimeout)
	defer cancel()
	// Signatures are always verified before they are used; this one finds out
	// before there is a request that needs it.
	if _, err := signer.Sign(ctx, key, []byte(selfTest)); err != nil {
		return Key{}, fmt.Errorf("self-test: %w", err)
	}
	return Key{Private: key, Fingerprint: fingerprint, Source: s.Name, LacksEngine: s.lacksEngine(key)}, nil
}

// lacksEngine returns the engine that the source is configured with, if it does not compute
// the key's signatures, or "".
func (s *NamedSource) lacksEngine(key crypto.Signer) string {
	file, isFile := s.Source.(*File)
	if !isFile {
		return ""
	}
	if _, hasEngine := key.(signer.BatchSigner); hasEngine {
		return ""
	}
	return file.Engine
}

// option names the option that a source was configured by.
func (s *NamedSource) option(forFile string) string {
	if _, isFile := s.Source.(*File); isFile {
		return forFile
	}
	return "key " + s.Name
}

// isNotThereYet reports whether the source is a file that does not exist, in a
// directory that does. A next key may be named before there is one, so that a mounted
// Secret gets it and loses it again without a change of the config.
func (s *NamedSource) isNotThereYet() bool {
	path, isInFile := s.file()
	if !isInFile || path == "" {
		return false
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	directory, err := os.Stat(filepath.Dir(path))
	return err == nil && directory.IsDir()
}

// explainAbsence adds to the error of a next key that its file alone could come later: what
// is missing is the directory, which looks like a mistake in the path.
func (s *NamedSource) explainAbsence(err error) error {
	path, isInFile := s.file()
	if !isInFile || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w; the directory %s does not exist: create it or mount it, or correct the path; once it exists, the file may come later", err, filepath.Dir(path))
}

// file returns the path of the file that the key is in, if it is in one.
func (s *NamedSource) file() (path string, isInFile bool) {
	if source, ok := s.Source.(FileSource); ok {
		return source.KeyFile(), true
	}
	return "", false
}
