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

// Source provides a signing key. Caddy modules in the namespace payermax.keys implement
// it; a config names one in the member "source".
//
// Key is called when the config is loaded and then every few seconds, so a remote source
// should cache the key's public half and answer from the cache. A remote key should also
// implement [signer.ContextSigner], so that it can give up when the request ends.
type Source interface {
	// Key returns the key that signs now, which must be RSA with at least 2048 bits, and
	// the fingerprint of its public half: "sha256:" and the SHA-256 of its SPKI DER in
	// lower-case hexadecimal.
	Key() (key crypto.Signer, fingerprint string, err error)
}

// FileSource is a Source whose key is in a file. The ring watches that file, and calls
// Key only when the file has changed, rather than every few seconds.
type FileSource interface {
	Source
	// KeyFile returns the path of the file, with placeholders expanded.
	KeyFile() string
}

// NamedSource is a source with the name that the config gives it.
type NamedSource struct {
	Source
	// Name is the name of the source, such as file.
	Name string
}

// LoadSource loads the module that raw configures. raw is the value of a field of the
// struct that owner points to, and field is that field's name. LoadSource returns nil if
// raw is nil.
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
	// selfTest is the message that a key must sign before it is used. It is not a
	// PayerMax call, so nobody could misuse its signature.
	selfTest = "caddy-payermax self-test"
	// selfTestTimeout is ample for a remote key.
	selfTestTimeout = 10 * time.Second
)

// testedKey gets the key from the source and tests that it can be used.
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
	// Each signature is verified before it is used. The self-test finds a bad key
	// earlier, before a request needs it.
	if _, err := signer.Sign(ctx, key, []byte(selfTest)); err != nil {
		return Key{}, fmt.Errorf("self-test: %w", err)
	}
	return Key{Private: key, Fingerprint: fingerprint, Source: s.Name, LacksEngine: s.lacksEngine(key)}, nil
}

// lacksEngine returns the engine that the source is configured with if that engine does not
// compute the key's signatures; otherwise "".
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

// OptionOf returns the name of the option that configured a source: forFile for a key in a
// file, which has a short form, or else option.
func OptionOf(raw json.RawMessage, forFile, option string) string {
	var named struct {
		Source string `json:"source"`
	}
	if json.Unmarshal(raw, &named) == nil && named.Source == "file" {
		return forFile
	}
	return option
}

// option returns the name of the option that configured the source. For a file, that is
// forFile.
func (s *NamedSource) option(forFile string) string {
	if _, isFile := s.Source.(*File); isFile {
		return forFile
	}
	return "key " + s.Name
}

// isNotThereYet reports whether the source is a file that does not exist, in a directory
// that does. A next key may be configured before it exists, so that it can be added to a
// mounted Secret and removed again without a config change.
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

// explainAbsence adds to the error about a next key that its directory is missing, which is
// probably a mistake in the path. Only the file itself may come later.
func (s *NamedSource) explainAbsence(err error) error {
	path, isInFile := s.file()
	if !isInFile || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w; the directory %s does not exist: create it or mount it, or correct the path; once it exists, the file may come later", err, filepath.Dir(path))
}

// file returns the path of the key's file, if the key is in a file.
func (s *NamedSource) file() (path string, isInFile bool) {
	if source, ok := s.Source.(FileSource); ok {
		return source.KeyFile(), true
	}
	return "", false
}
