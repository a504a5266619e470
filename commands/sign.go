package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/diagnosis"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Sign returns the payermax-sign subcommand, which signs bytes like the sidecar.
func Sign() caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-sign",
		Usage: "--private-key PATH [--body PATH] [--json]",
		Short: "Signs a body as PayerMax expects it",
		Long: `
Signs exactly the bytes of a file or of the standard input, and prints the value
of the sign header: base64 on one line. The standard error describes what was
signed: its length, its SHA-256, the fingerprint of the key, and warnings about
bytes that are often signed by accident.

Use it to check your own code: the same key and the same bytes always give the
same signature.

Exit codes: 0 if the body was signed, 2 if the arguments are wrong or a file cannot
be read.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Example = `  $ caddy payermax-sign --private-key merchant.key --body request.json
  $ printf %s "$body" | caddy payermax-sign --private-key merchant.key`
			cmd.Flags().String("private-key", "", "Path of the private key; required")
			cmd.Flags().String("body", "-", "Path of the body to sign; - for standard input")
			answering(cmd, runSign)
		},
	}
}

// signature is the result of payermax-sign.
type signature struct {
	Sign        string                `json:"sign"`
	Body        diagnosis.Description `json:"body"`
	Fingerprint string                `json:"fingerprint"`
	Warnings    []string              `json:"warnings"`
}

// runSign signs the body and prints the signature.
func runSign(t *tool, flags caddycmd.Flags) error {
	if flags.String("private-key") == "" {
		return errors.New("--private-key is required: the path of the key that signs")
	}
	key, err := signer.ReadPrivateKeyFile(flags.String("private-key"))
	if err != nil {
		return fmt.Errorf("--private-key: %w", err)
	}
	body, err := t.readBody(flags.String("body"))
	if err != nil {
		return err
	}
	sign, err := signer.Sign(context.Background(), key, body)
	if err != nil {
		return err
	}

	result := signature{sign, diagnosis.Describe(body), signer.Fingerprint(&key.PublicKey), accidents(body)}
	if t.json {
		return t.printJSON(result)
	}
	if _, err := fmt.Fprintln(t.out, sign); err != nil {
		return err
	}
	t.say("body", result.Body.String())
	t.say("SHA-256", result.Body.SHA256)
	t.say("key", result.Fingerprint)
	for _, warning := range result.Warnings {
		t.warn(warning)
	}
	return nil
}

// accidents returns warnings about a body that was probably signed by accident, or may
// not be sent as it was signed.
func accidents(body []byte) []string {
	found := []string{}
	d := diagnosis.Describe(body)
	switch {
	case d.Length == 0:
		return append(found, "The body is empty: the signature covers no bytes.")
	case d.Compression != "":
		return append(found, "The body is compressed. PayerMax's signature covers the JSON that it reads.")
	}
	if d.ByteOrderMark {
		found = append(found, "The body begins with a byte order mark, which was signed as well. Make sure that it is sent.")
	}
	if bytes.HasSuffix(body, []byte("\n")) {
		found = append(found, "The body ends with a line break, which was signed as well. Make sure that it is sent. (echo adds one, printf %s does not.)")
	}
	if !d.JSON && !d.ByteOrderMark {
		found = append(found, "The body is not JSON, so PayerMax will refuse it.")
	}
	return found
}
