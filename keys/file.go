package keys

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() {
	caddy.RegisterModule(new(File))
}

// ErrNoPath says that the path of a key file turned out empty.
var ErrNoPath = errors.New("the path is empty; set it to the file with the RSA private key")

// worldReadable are the permission bits that let every user read a file.
const worldReadable = 0o004

// File reads the signing key from a file: PEM (PKCS#8 or PKCS#1) or the same as one line
// of base64, as PayerMax's dashboard and SDKs use it. Encrypted keys and keys under 2048
// bits are refused.
//
// The file is read again whenever it changes: if it is overwritten, renamed, or replaced
// together with its directory, as Kubernetes does.
type File struct {
	// The path of the file. Placeholders are expanded when the config is loaded; the
	// value is a path, never the key itself.
	Path string `json:"path,omitempty"`

	// Whether to refuse a file that every user of the machine may read, instead of
	// warning about it. Default: false.
	RefuseWorldReadable bool `json:"refuse_world_readable,omitempty"`

	// The engine that computes the signatures. `batch` computes up to four at once, with
	// the AVX-512 IFMA instructions of the CPU. A signature takes about a sixth of
	// crypto/rsa's time under load, and less than half of it alone, including its
	// verification by crypto/rsa before it is used. If the engine cannot be used (another
	// CPU, FIPS mode, a key of more than 2048 bits), or after a signature that does not
	// verify, crypto/rsa signs, and a warning says why. Default: crypto/rsa.
	Engine string `json:"engine,omitempty"`

	path   string
	logger *zap.Logger
	// readable and engineless are the last warnings that were logged, about a file that
	// every user may read and about an engine that cannot be used.
	readable, engineless Notice
}

// CaddyModule returns the Caddy module information.
func (*File) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.file",
		New: func() caddy.Module { return new(File) },
	}
}

// Provision expands the path, and refuses engines that do not exist.
func (f *File) Provision(ctx caddy.Context) error {
	f.logger = ctx.Logger()
	if f.Engine != "" && f.Engine != engineBatch {
		return noEngine(f.Engine)
	}
	var err error
	if f.path, err = setting.Replace(caddy.NewReplacer(), f.Path, false, true); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if err := setting.CheckPath(f.path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	return nil
}

// Key reads the file, and returns the key with its engine and its fingerprint.
func (f *File) Key() (crypto.Signer, string, error) {
	key, err := f.PrivateKey()
	if err != nil {
		return nil, "", err
	}
	return f.withEngine(key), signer.Fingerprint(&key.PublicKey), nil
}

// withEngine returns a signer that uses the configured engine, if the engine can sign
// with the key. Otherwise it returns the key itself, and logs a warning.
func (f *File) withEngine(key *rsa.PrivateKey) crypto.Signer {
	if f.Engine == "" {
		return key
	}
	batched, err := WithEngine(f.Engine, key)
	if err == nil {
		f.engineless.Forget()
		return batched
	}
	if f.engineless.IsNew(signer.Fingerprint(&key.PublicKey) + err.Error()) {
		f.logger.Warn("the configured engine cannot be used; crypto/rsa signs",
			zap.String("path", f.path), zap.String("engine", engineStandard), zap.String("reason", err.Error()))
	}
	return key
}

// KeyFile returns the path of the file.
func (f *File) KeyFile() string { return f.path }

// PrivateKey reads the file and returns the key itself. It is for sources that embed File
// but sign in another way.
func (f *File) PrivateKey() (*rsa.PrivateKey, error) {
	if f.path == "" {
		return nil, fmt.Errorf("%s: %w%s", f.Path, ErrNoPath, setting.WhyEmpty(f.Path))
	}
	key, err := signer.ReadPrivateKeyFile(f.path)
	if err != nil {
		return nil, err
	}
	if err := f.checkPermissions(signer.Fingerprint(&key.PublicKey)); err != nil {
		return nil, err
	}
	return key, nil
}

// checkPermissions refuses a file that every user may read, or logs a warning about it once
// for each key.
func (f *File) checkPermissions(fingerprint string) error {
	info, err := os.Stat(f.path)
	if err != nil || info.Mode().Perm()&worldReadable == 0 {
		f.readable.Forget()
		return nil
	}
	mode := fmt.Sprintf("%04o", info.Mode().Perm())
	if f.RefuseWorldReadable {
		return fmt.Errorf("private key file %s: every user may read it (mode %s); remove that permission with: chmod o-r %s", f.path, mode, signer.ShellPath(f.path))
	}
	if f.readable.IsNew(fingerprint + mode) {
		f.logger.Warn("every user may read the private key file; remove that permission with chmod o-r",
			zap.String("path", f.path), zap.String("mode", mode))
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner = (*File)(nil)
	_ FileSource        = (*File)(nil)
)
