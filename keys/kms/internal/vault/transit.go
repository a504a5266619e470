package vault

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Transit is a key of a transit engine.
type Transit struct {
	Client *Client

	// Mount is where the engine is mounted, such as "transit".
	Mount string

	// Key is the key's name.
	Key string
}

// Version is one version of a transit key.
type Version struct {
	Number int
	Public *rsa.PublicKey
}

// keyAnswer is the answer to a request to read a key.
type keyAnswer struct {
	Data struct {
		Type                 string `json:"type"`
		LatestVersion        int    `json:"latest_version"`
		MinEncryptionVersion int    `json:"min_encryption_version"`

		// A version is an object with the public key, or the time of its creation
		// if the key has no public half.
		Keys map[string]json.RawMessage `json:"keys"`
	} `json:"data"`
}

// Read returns the given version of the key, or the latest if number is 0. It returns an
// error if the server would not sign with that version.
func (t Transit) Read(ctx context.Context, token Secret, number int) (Version, error) {
	path := t.Mount + "/keys/" + t.Key
	var answer keyAnswer
	err := t.Client.do(ctx, request{
		operation: fmt.Sprintf("reading the transit key %q", t.Key),
		method:    http.MethodGet,
		path:      path,
		token:     token,
		hints: hints{
			denied:  fmt.Sprintf("the token is not valid, or no policy of it allows \"read\" on %s", path),
			missing: t.missing(),
		},
	}, &answer)
	if err != nil {
		return Version{}, err
	}
	version, err := answer.version(number)
	if err != nil {
		return Version{}, fmt.Errorf("the transit key %q: %w", t.Key, err)
	}
	return version, nil
}

func (t Transit) missing() string {
	return fmt.Sprintf("there is no transit key %q under the mount %q; check the key's name, the mount and the namespace", t.Key, t.Mount)
}

// version selects a version and parses its public key.
func (a keyAnswer) version(number int) (Version, error) {
	data := a.Data
	switch data.Type {
	case "rsa-2048", "rsa-3072", "rsa-4096":
	default:
		return Version{}, fmt.Errorf("its type is %q, but PayerMax's signature needs an RSA key; create one of the type rsa-2048, rsa-3072 or rsa-4096", data.Type)
	}
	switch {
	case number == 0:
		number = data.LatestVersion
	case number > data.LatestVersion:
		return Version{}, fmt.Errorf("there is no version %d, the latest is %d", number, data.LatestVersion)
	case number < data.MinEncryptionVersion:
		return Version{}, fmt.Errorf("version %d may not sign, since min_encryption_version is %d", number, data.MinEncryptionVersion)
	}
	raw, ok := data.Keys[strconv.Itoa(number)]
	if !ok {
		return Version{}, fmt.Errorf("the server does not have version %d any more, or does not show it", number)
	}
	var entry struct {
		PublicKey string `json:"public_key"`
	}
	if json.Unmarshal(raw, &entry) != nil {
		return Version{}, fmt.Errorf("the server shows no public key for version %d", number)
	}
	public, err := parsePublicKey(entry.PublicKey)
	if err != nil {
		return Version{}, fmt.Errorf("version %d: %w", number, err)
	}
	return Version{Number: number, Public: public}, nil
}

func parsePublicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the public key that the server shows is not PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the public key that the server shows cannot be read")
	}
	public, ok := parsed.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, fmt.Errorf("the public key that the server shows is a %T, but PayerMax's signature needs an RSA key", parsed)
	case public.N.BitLen() < 2048:
		return nil, fmt.Errorf("the key has %d bits, but at least 2048 are needed", public.N.BitLen())
	}
	return public, nil
}

// signBody requests RSASSA-PKCS1-v1_5 over a precomputed digest. The hash algorithm is in
// the path.
type signBody struct {
	Input              string `json:"input"`
	Prehashed          bool   `json:"prehashed"`
	SignatureAlgorithm string `json:"signature_algorithm"`
	KeyVersion         int    `json:"key_version"`
}

// Sign signs a SHA-256 digest with the given version of the key, never with another one:
// the caller verifies the signature with the public key of this version.
func (t Transit) Sign(ctx context.Context, token Secret, number int, digest []byte) ([]byte, error) {
	path := t.Mount + "/sign/" + t.Key + "/sha2-256"
	operation := fmt.Sprintf("signing with the transit key %q", t.Key)
	var answer struct {
		Data struct {
			Signature string `json:"signature"`
		} `json:"data"`
	}
	err := t.Client.do(ctx, request{
		operation: operation,
		method:    http.MethodPost,
		path:      path,
		token:     token,
		body: signBody{
			Input:              base64.StdEncoding.EncodeToString(digest),
			Prehashed:          true,
			SignatureAlgorithm: "pkcs1v15",
			KeyVersion:         number,
		},
		hints: hints{
			denied:  fmt.Sprintf("the token is not valid, or no policy of it allows \"update\" on %s", path),
			missing: t.missing(),
		},
		repeatable: true, // the same request gives the same signature
	}, &answer)
	if err != nil {
		return nil, err
	}
	signature, err := parseSignature(answer.Data.Signature, number)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	return signature, nil
}

// parseSignature parses "vault:v<version>:<base64>", the format of both Vault and
// OpenBao.
func parseSignature(text string, number int) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, fmt.Sprintf("vault:v%d:", number))
	if !ok {
		return nil, fmt.Errorf("the answer is not a signature by version %d of the key", number)
	}
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(signature) == 0 {
		return nil, errors.New("the signature in the answer is not base64")
	}
	return signature, nil
}
