package commands

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Convert returns the payermax-convert subcommand, which converts a key from one form to
// another.
func Convert() caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-convert",
		Usage: "--to pkcs8-pem|pkcs1-pem|base64|der|public-pem|public-base64 [--in PATH] [--out PATH] [--json]",
		Short: "Converts a key between PEM, one-line base64 and DER",
		Long: `
Reads an RSA key in any of the usual forms, whatever its label says, and writes it
in the form that --to names:

	pkcs8-pem      private key, "BEGIN PRIVATE KEY"
	pkcs1-pem      private key, "BEGIN RSA PRIVATE KEY"
	base64         private key, PKCS#8 as one line of base64, as PayerMax's SDKs
	               want it
	der            private key, PKCS#8 in binary
	public-pem     public key, "BEGIN PUBLIC KEY"
	public-base64  public key as one line of base64, as PayerMax's dashboard
	               shows and takes it

From a private key it can also make the public key. A private key goes to a new
file that only this user can read, or to the standard output if that is not a
terminal. Existing files are never overwritten. Keys that PayerMax does not accept,
because they have fewer than 2048 bits or are not RSA keys, are refused.

Exit codes: 0 if the key was converted, 1 if not, such as because --out exists
already, 2 if the arguments are wrong or a file cannot be read.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Example = `  $ caddy payermax-convert --in merchant.key --to public-base64
  $ caddy payermax-convert --in from-the-sdk.txt --to pkcs8-pem --out merchant.key
  $ vault kv get -field=key secret/payermax | caddy payermax-convert --to public-pem`
			cmd.Flags().String("in", "-", "Path of the key; - for standard input")
			cmd.Flags().String("out", "-", "Path of a new file; - for standard output")
			cmd.Flags().String("to", "", "The form of the output; required")
			offer(cmd, "to", keyForms()...)
			answering(cmd, runConvert)
		},
	}
}

// privateForms and publicForms are the forms that keys can be converted to, by name.
var (
	privateForms = map[string]func(*rsa.PrivateKey) ([]byte, error){
		"pkcs8-pem": pkcs8PEM, "pkcs1-pem": pkcs1PEM, "base64": pkcs8Base64, "der": pkcs8DER,
	}
	publicForms = map[string]func(*rsa.PublicKey) ([]byte, error){
		"public-pem": publicPEM, "public-base64": publicBase64,
	}
)

// converted is the result of payermax-convert.
type converted struct {
	File        string `json:"file,omitempty"`
	PublicKey   string `json:"publicKey,omitempty"`
	Form        string `json:"form"`
	Fingerprint string `json:"fingerprint"`
	Bits        int    `json:"bits"`
}

// runConvert converts a key.
func runConvert(t *tool, flags caddycmd.Flags) error {
	to, out := flags.String("to"), flags.String("out")
	isPrivate := privateForms[to] != nil
	switch {
	case !isPrivate && publicForms[to] == nil:
		names := keyForms()
		return errors.New("--to is required and must be one of " + strings.Join(names, ", "))
	case isPrivate && out == "-" && t.json:
		return errors.New("--json does not print a private key; name a file for it with --out")
	case isPrivate && out == "-" && t.outTerminal:
		return no{errTerminal}
	}
	if err := cmp.Or(checkName("out", out), checkDirectory("out", out)); err != nil {
		return err
	}
	private, public, err := t.readKey(flags.String("in"))
	if err != nil {
		return err
	}
	text, err := encodeKey(to, private, public)
	if err != nil {
		return err
	}

	result := converted{Form: to, Fingerprint: signer.Fingerprint(public), Bits: public.N.BitLen()}
	if out != "-" {
		result.File = out
		if err := writeNew(newFile{out, text, modeOf(isPrivate)}); err != nil {
			return err
		}
	}
	switch {
	case t.json:
		if out == "-" {
			result.PublicKey = string(text)
		}
		return t.printJSON(result)
	case out == "-":
		if _, err := t.out.Write(text); err != nil {
			return no{err}
		}
	default:
		t.say("written", out)
	}
	t.say("key", result.Fingerprint)
	t.say("bits", strconv.Itoa(result.Bits))
	return nil
}

// modeOf returns the mode of a file that contains a key.
func modeOf(isPrivate bool) os.FileMode {
	if isPrivate {
		return privateMode
	}
	return publicMode
}

// readKey reads the key to convert. private is nil if it is a public key.
func (t *tool) readKey(path string) (*rsa.PrivateKey, *rsa.PublicKey, error) {
	if path != "-" {
		private, public, err := signer.ReadKeyFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("--in: %w", err)
		}
		return private, public, nil
	}
	text, err := readInput("the standard input", t.in)
	if err != nil {
		return nil, nil, err
	}
	private, public, err := signer.ParseKey(text)
	if err != nil {
		return nil, nil, fmt.Errorf("the standard input: %w", err)
	}
	return private, public, nil
}

// encodeKey encodes a key in a form.
func encodeKey(form string, private *rsa.PrivateKey, public *rsa.PublicKey) ([]byte, error) {
	if encode := publicForms[form]; encode != nil {
		return encode(public)
	}
	if private == nil {
		return nil, no{errors.New("this is a public key, which cannot be converted to a private one; use --to public-pem or --to public-base64")}
	}
	return privateForms[form](private)
}

// keyForms returns the names of all forms, those of private keys first.
func keyForms() []string {
	return slices.Concat(slices.Sorted(maps.Keys(privateForms)), slices.Sorted(maps.Keys(publicForms)))
}
