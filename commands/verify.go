package commands

import (
	"errors"
	"fmt"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Verify returns the payermax-verify subcommand, which says whether a signature is valid
// and, if it is not, why.
func Verify() caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-verify",
		Usage: "--public-key PATH | --private-key PATH [--body PATH] --sign BASE64 | --sign-file PATH [--explain [--other-key PATH]...] [--json]",
		Short: "Verifies a PayerMax signature, and explains why it is wrong",
		Long: `
Verifies that a signature is valid for exactly the bytes of a file or of the
standard input, and prints "valid" or "invalid". For your own calls, give your
own key; for PayerMax's answers and notifications, PayerMax's public key.

With --explain, it says which bytes were hashed and, if the signature is wrong,
why. A signature reveals which key made it and which digest was signed, so a
cause other than wrong-key and other-bytes is not a guess: an extra line break,
JSON that was serialised twice, only the data block, a new requestTime, a
different hash or padding, a signature that was cut or encoded differently, and
more. It prints no part of the body, of the signature or of a key.

In a file, white space around the signature does not matter.

Exit codes: 0 if the signature is valid, 1 if it is not, 2 if the arguments are
wrong or a file cannot be read.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Example = `  $ caddy payermax-verify --public-key merchant.pub --body request.json --sign "$sign"
  $ caddy payermax-verify --public-key merchant.pub --body request.json --sign-file request.sign --explain
  $ caddy payermax-verify --public-key payermax.pub --body notification.json --sign "$sign" \
      --explain --other-key payermax-uat.pub --other-key merchant.pub`
			cmd.Flags().String("public-key", "", "Path of the signer's public key")
			cmd.Flags().String("private-key", "", "Path of the signer's private key instead; its public key is used")
			cmd.Flags().String("body", "-", "Path of the body that was signed; - for standard input")
			cmd.Flags().String("sign", "", "The signature, as in the sign header")
			cmd.Flags().String("sign-file", "", "Path of a file that contains the signature")
			cmd.Flags().Bool("explain", false, "Say what is wrong; --json always does")
			cmd.Flags().StringArray("other-key", nil, "Path of another key that may have signed; may be repeated")
			offer(cmd, "sign")
			answering(cmd, runVerify)
		},
	}
}

// runVerify verifies the signature and prints the verdict.
func runVerify(t *tool, flags caddycmd.Flags) error {
	path, key, err := readVerificationKey(flags)
	if err != nil {
		return err
	}
	others, err := readOtherKeys(flags)
	if err != nil {
		return err
	}
	sign, err := readSignature(flags)
	if err != nil {
		return err
	}
	body, err := t.readBody(flags.String("body"))
	if err != nil {
		return err
	}

	invalid := signer.Verify(key, body, sign)
	if t.json || flags.Bool("explain") {
		e := newExplanation(append([]namedKey{{path, key}}, others...), body, sign)
		if t.json {
			return verdict(t.printJSON(e), invalid)
		}
		if err := t.printVerdict(invalid); err != nil {
			return err
		}
		e.tell(t)
		return verdict(nil, invalid)
	}
	if err := t.printVerdict(invalid); err != nil || invalid == nil {
		return err
	}
	return no{fmt.Errorf("%w; add --explain to find out why", invalid)}
}

// printVerdict prints "valid" or "invalid".
func (t *tool) printVerdict(invalid error) error {
	word := t.coloured(green, "valid")
	if invalid != nil {
		word = t.coloured(red, "invalid")
	}
	_, err := fmt.Fprintln(t.out, word)
	return err
}

// verdict returns the error of a verification whose result has been printed already.
func verdict(err, invalid error) error {
	if err == nil && invalid != nil {
		return no{}
	}
	return err
}

// readSignature returns the signature that the flags give.
func readSignature(flags caddycmd.Flags) (string, error) {
	given, inFile := flags.Changed("sign"), flags.Changed("sign-file")
	switch {
	case given == inFile:
		return "", errors.New("exactly one of --sign and --sign-file is required: the signature, or the path of a file with it")
	case given:
		return flags.String("sign"), nil
	}
	text, err := readFile("sign-file", flags.String("sign-file"))
	return strings.TrimSpace(string(text)), err
}
