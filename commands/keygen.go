package commands

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Keygen returns the payermax-keygen subcommand, which generates a key pair.
func Keygen() caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-keygen",
		Usage: "[--out DIRECTORY-OR-PREFIX] [--bits 2048|3072|4096] [--kubernetes-secret NAME [--namespace NAMESPACE] [--manifest PATH]] [--json]",
		Short: "Creates an RSA key pair for PayerMax",
		Long: `
Makes an RSA key pair and writes it to two new files: <prefix>.key has the private
key in PKCS#8 PEM, which only this user can read, and <prefix>.pub the public key
in PEM. It also prints the public key as one line of base64, to paste into
PayerMax's dashboard. Once pasted, PayerMax accepts the new key at once and no
longer accepts the old one.

With --kubernetes-secret, the private key goes into the manifest of a Secret
instead, as private.key, so that there is only one copy. The manifest is
<prefix>-secret.yaml or, with "--manifest -", the standard output, for kubectl.

Existing files are never overwritten, and a failure leaves no half of a pair.
The private key is never printed on a terminal.

Exit codes: 0 if the files were written, 1 if not, such as because one of them
exists already, 2 if the arguments are wrong.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Example = `  $ caddy payermax-keygen --out /run/secrets/payermax/
  $ caddy payermax-keygen --out uat --bits 3072
  $ caddy payermax-keygen --out uat --kubernetes-secret payermax-keys --manifest - | kubectl apply -f -`
			cmd.Flags().String("out", "merchant", "Where to write the files: a directory, for merchant.key and merchant.pub, or a prefix")
			cmd.Flags().Int("bits", 2048, "Size of the key: 2048, 3072 or 4096")
			cmd.Flags().String("kubernetes-secret", "", "Name of a Secret whose manifest is written instead of the private key file")
			cmd.Flags().String("namespace", "", "Namespace of the Secret; by default, kubectl's current one")
			cmd.Flags().String("manifest", "", "Path of the manifest; - for standard output")
			offer(cmd, "bits", "2048", "3072", "4096")
			offer(cmd, "kubernetes-secret")
			offer(cmd, "namespace")
			answering(cmd, runKeygen)
		},
	}
}

// keygen is the request that the flags describe.
type keygen struct {
	bits int
	// private and public are the paths to write to. With a secret, private is the path of
	// the manifest, or empty to print it to standard output.
	private, public string
	secret          *secret
}

// newKeygen reads and checks the flags.
func newKeygen(flags caddycmd.Flags) (*keygen, error) {
	k := &keygen{bits: flags.Int("bits")}
	if !slices.Contains([]int{2048, 3072, 4096}, k.bits) {
		return nil, errors.New("--bits must be 2048, 3072 or 4096; PayerMax requires 2048")
	}
	if err := errors.Join(checkName("out", flags.String("out")), checkName("manifest", flags.String("manifest"))); err != nil {
		return nil, err
	}
	prefix, err := outPrefix(flags.String("out"))
	if err != nil {
		return nil, err
	}
	k.private, k.public = prefix+".key", prefix+".pub"

	manifest := flags.String("manifest")
	switch {
	case flags.String("kubernetes-secret") == "":
		if manifest != "" || flags.String("namespace") != "" {
			return nil, errors.New("--manifest and --namespace need --kubernetes-secret")
		}
		return k, nil
	case manifest == "":
		manifest = prefix + "-secret.yaml"
	case manifest == "-":
		manifest = ""
	}
	if err := checkDirectory("manifest", manifest); err != nil {
		return nil, err
	}
	k.private = manifest
	k.secret, err = newSecret(flags.String("kubernetes-secret"), flags.String("namespace"))
	return k, err
}

// outPrefix returns the common prefix of the files' paths.
func outPrefix(out string) (string, error) {
	if out == "" {
		return "", errors.New("--out is empty; it must be a directory, or a prefix of the file names")
	}
	if isDirectory(out) {
		return filepath.Join(out, "merchant"), nil
	}
	return out, checkDirectory("out", out)
}

// checkDirectory returns an error if the directory of a file, given by a flag, does not
// exist.
func checkDirectory(flag, file string) error {
	if directory := filepath.Dir(file); !isDirectory(directory) {
		return fmt.Errorf("--%s: there is no directory %s; create it first with: mkdir -m 700 %s", flag, directory, signer.ShellPath(directory))
	}
	return nil
}

// isDirectory reports whether the path is an existing directory.
func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// generated is the result of payermax-keygen.
type generated struct {
	PrivateKeyFile  string `json:"privateKeyFile,omitempty"`
	SecretFile      string `json:"secretFile,omitempty"`
	PublicKeyFile   string `json:"publicKeyFile"`
	PublicKeyBase64 string `json:"publicKeyBase64"`
	Fingerprint     string `json:"fingerprint"`
	Bits            int    `json:"bits"`
}

// runKeygen generates a key pair and writes it.
func runKeygen(t *tool, flags caddycmd.Flags) error {
	k, err := newKeygen(flags)
	if err != nil {
		return err
	}
	if k.private == "" {
		if t.json {
			return errors.New("--json and --manifest - would both print to standard output; use only one of them")
		}
		if t.outTerminal {
			return no{errTerminal}
		}
	}
	if err := checkNew(k.paths()...); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, k.bits)
	if err != nil {
		return no{err}
	}
	return k.write(t, key)
}

// paths returns the paths of the files that will be written.
func (k *keygen) paths() []string {
	if k.private == "" {
		return []string{k.public}
	}
	return []string{k.private, k.public}
}

// errTerminal is every command's refusal to print a private key to a terminal.
var errTerminal = errors.New("standard output is a terminal, where a private key must not appear: name a file, or use a pipe")

// write writes the key pair and reports where.
func (k *keygen) write(t *tool, key *rsa.PrivateKey) error {
	private, err := pkcs8PEM(key)
	if err != nil {
		return no{err}
	}
	public, err := publicPEM(&key.PublicKey)
	if err != nil {
		return no{err}
	}
	if k.secret != nil {
		private = k.secret.manifest(private, &key.PublicKey)
	}
	files := []newFile{{k.public, public, publicMode}}
	if k.private != "" {
		files = slices.Insert(files, 0, newFile{k.private, private, privateMode})
	}
	if err := writeNew(files...); err != nil {
		return err
	}
	if k.private == "" {
		signal.Ignore(syscall.SIGPIPE) // so that a closed pipe is an error below, and does not end the process
		if _, err := t.out.Write(private); err != nil {
			_ = os.Remove(k.public)
			return no{fmt.Errorf("the manifest could not be printed: %w", err)}
		}
	}
	return k.tell(t, key)
}

// tell prints the public key and the paths of the files.
func (k *keygen) tell(t *tool, key *rsa.PrivateKey) error {
	line, err := publicBase64(&key.PublicKey)
	if err != nil {
		return no{err}
	}
	result := generated{
		PublicKeyFile: k.public, PublicKeyBase64: strings.TrimSpace(string(line)),
		Fingerprint: signer.Fingerprint(&key.PublicKey), Bits: k.bits,
	}
	if k.secret == nil {
		result.PrivateKeyFile = k.private
	} else {
		result.SecretFile = k.private
	}
	switch {
	case t.json:
		return t.printJSON(result)
	case k.private == "": // standard output has the manifest
		t.say("base64", result.PublicKeyBase64)
	default:
		if _, err := t.out.Write(line); err != nil {
			return err
		}
	}
	switch {
	case result.PrivateKeyFile != "":
		t.say("private", result.PrivateKeyFile+": for private_key; anyone who has it can sign in your name")
	case result.SecretFile != "":
		t.say("secret", result.SecretFile+": for kubectl; anyone who has it can sign in your name")
	}
	t.say("public", result.PublicKeyFile+": for merchant_public_key; the line of base64 is the same key, for PayerMax's dashboard")
	t.say("key", result.Fingerprint)
	return nil
}
