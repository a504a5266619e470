package commands

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-payermax/caddy-payermax/internal/commandline"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// maxInput is the maximum length of a body, in bytes. PayerMax's bodies have a few
// hundred.
const maxInput = 16 << 20

// readBody reads the body that a flag names: a file, or standard input for "-".
func (t *tool) readBody(path string) ([]byte, error) {
	if path == "-" {
		if file, ok := t.in.(*os.File); ok && commandline.IsTerminal(file) {
			t.say("", "The body is read from this terminal: end it with Ctrl-D, twice if its last line has no line break.")
		}
		return readInput("the standard input", t.in)
	}
	return readFile("body", path)
}

// maxPathInMessage is the length of the longest file name that an error repeats: a longer
// value may not be a name at all.
const maxPathInMessage = 255

// checkName returns an error if a value looks like the contents of a file instead of its
// name, before another error could repeat it.
func checkName(flag, path string) error {
	if signer.LooksLikeKey(path) || len(path) > maxPathInMessage {
		return fmt.Errorf("--%s: expected the path of a file, but the value looks like the contents of the file", flag)
	}
	return nil
}

// readFile reads the file that a flag names.
func readFile(flag, path string) ([]byte, error) {
	if err := checkName(flag, path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	defer file.Close()
	return readInput("--"+flag, file)
}

// readInput reads everything, up to maxInput bytes.
func readInput(name string, from io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(body) > maxInput:
		return nil, fmt.Errorf("%s: larger than 16 MiB; PayerMax's bodies usually have a few hundred bytes", name)
	}
	return body, nil
}

// readVerificationKey reads the one key that the flags name, and returns its public half.
func readVerificationKey(flags caddycmd.Flags) (path string, key *rsa.PublicKey, err error) {
	public, private := flags.String("public-key"), flags.String("private-key")
	switch {
	case (public == "") == (private == ""):
		return "", nil, errors.New("exactly one of --public-key and --private-key is required: the path of the key that should have signed")
	case public != "":
		if key, err = signer.ReadPublicKeyFile(public); err != nil {
			return "", nil, fmt.Errorf("--public-key: %w", err)
		}
		return public, key, nil
	}
	pair, err := signer.ReadPrivateKeyFile(private)
	if err != nil {
		return "", nil, fmt.Errorf("--private-key: %w", err)
	}
	return private, &pair.PublicKey, nil
}
