package commands

import (
	"crypto/rsa"
	"encoding/hex"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-payermax/caddy-payermax/diagnosis"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// namedKey is a key and the path of its file.
type namedKey struct {
	path string
	key  *rsa.PublicKey
}

// readOtherKeys reads the keys that may have signed instead, in any form that
// payermax-convert reads.
func readOtherKeys(flags caddycmd.Flags) ([]namedKey, error) {
	paths, err := flags.GetStringArray("other-key")
	if err != nil {
		return nil, err
	}
	var keys []namedKey
	for _, path := range paths {
		_, key, err := signer.ReadKeyFile(path)
		if err != nil {
			return nil, fmt.Errorf("--other-key: %w", err)
		}
		keys = append(keys, namedKey{path, key})
	}
	return keys, nil
}

// explanation says why a signature is right or wrong. payermax-verify prints it as JSON.
type explanation struct {
	Valid  bool                  `json:"valid"`
	Cause  diagnosis.Cause       `json:"cause"`
	Advice string                `json:"advice"`
	Also   []diagnosis.Finding   `json:"also,omitempty"`
	Body   diagnosis.Description `json:"body"`
	Key    string                `json:"key"`
	// Signer is the fingerprint of the key that signed, and SignerFile its file, if it is
	// one of the given keys; Hash and Digest are what it signed.
	Signer     string `json:"signer,omitempty"`
	SignerFile string `json:"signerFile,omitempty"`
	Hash       string `json:"hash,omitempty"`
	Digest     string `json:"digest,omitempty"`
}

// newExplanation diagnoses a signature. The first key is the one that should have signed.
func newExplanation(keys []namedKey, body []byte, sign string) *explanation {
	var others []*rsa.PublicKey
	for _, other := range keys[1:] {
		others = append(others, other.key)
	}
	d := diagnosis.Diagnose(keys[0].key, body, sign, others...)
	e := &explanation{
		Valid:  d.Cause == diagnosis.Valid,
		Cause:  d.Cause,
		Advice: d.Advice,
		Also:   d.Further,
		Body:   diagnosis.Describe(body),
		Key:    signer.Fingerprint(keys[0].key),
		Signer: signer.Fingerprint(d.Signer),
		Digest: hex.EncodeToString(d.Digest),
	}
	for _, key := range keys {
		if key.key == d.Signer {
			e.SignerFile = key.path
		}
	}
	if d.Hash != 0 {
		e.Hash = d.Hash.String()
	}
	return e
}

// tell prints the explanation as text.
func (e *explanation) tell(t *tool) {
	t.say("body", e.Body.String())
	t.say("SHA-256", e.Body.SHA256)
	switch {
	case e.Digest != "" && e.Hash != "":
		t.say("signed", e.Digest+" ("+e.Hash+", recovered from the signature)")
	case e.Digest != "":
		t.say("signed", e.Digest+" (recovered from the signature)")
	}
	t.say("key", e.Key)
	switch e.Signer {
	case "":
		t.say("signer", "unknown")
	case e.Key:
		t.say("signer", "this key")
	default:
		t.say("signer", e.Signer+" ("+e.SignerFile+")")
	}
	t.say("cause", string(e.Cause))
	t.say("", e.Advice)
	for _, finding := range e.Also {
		t.say("also", string(finding.Cause))
		t.say("", finding.Advice)
	}
}
