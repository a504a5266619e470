package kms

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	pin := filepath.Join(t.TempDir(), "pin")
	require.NoError(t, os.WriteFile(pin, []byte("1;2&3=4%5\n"), 0o600))
	t.Setenv("PAYERMAX_TEST_TOKEN", "pay;max")
	t.Setenv("PAYERMAX_TEST_URI", "pkcs11:token=payermax;object=signing?pin-value=1234\n")

	for name, test := range map[string]struct {
		scheme scheme
		uri    string
		want   map[string]string
	}{
		"both halves": {
			pkcs11Scheme, "pkcs11:token=a%20b;id=%0a%10?module-path=/lib/x.so&pin-source=/run/pin",
			map[string]string{"token": "a b", "id": "\n\x10", "module-path": "/lib/x.so", "pin-source": "/run/pin"},
		},
		"placeholders are values": {
			pkcs11Scheme, "pkcs11:token={env.PAYERMAX_TEST_TOKEN};object=signing?pin-value={file." + pin + "}",
			map[string]string{"token": "pay;max", "object": "signing", "pin-value": "1;2&3=4%5"},
		},
		"placeholders may be a part": {
			pkcs11Scheme, "pkcs11:token=x-{env.PAYERMAX_TEST_TOKEN};object=signing",
			map[string]string{"token": "x-pay;max", "object": "signing"},
		},
		"a placeholder may be the URI": {
			pkcs11Scheme, "{env.PAYERMAX_TEST_URI}",
			map[string]string{"token": "payermax", "object": "signing", "pin-value": "1234"},
		},
		"bare resource": {
			gcpScheme, "cloudkms:projects/p/locations/l?credentials-file=/x.json",
			map[string]string{"resource": "projects/p/locations/l", "credentials-file": "/x.json"},
		},
		"named resource": {
			gcpScheme, "cloudkms:resource=projects/p/locations/l;credentials-file=/x.json",
			map[string]string{"resource": "projects/p/locations/l", "credentials-file": "/x.json"},
		},
		"ARN": {
			awsScheme, "awskms:key-id=arn:aws:kms:eu-central-1:111122223333:key/1234abcd;region=eu-central-1",
			map[string]string{"key-id": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd", "region": "eu-central-1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := parseAddress(test.uri, test.scheme, caddy.NewReplacer())
			require.NoError(t, err)
			assert.Equal(t, test.want, a.values)

			again, err := parseAddress(strings.ReplaceAll(a.uri(test.scheme.attributes...), "pin-value", "object"), test.scheme, caddy.NewReplacer())
			if _, hasPIN := a.values["pin-value"]; !hasPIN {
				require.NoError(t, err)
				assert.Equal(t, test.want, again.values, "what is written can be read again")
			}
		})
	}
}

func TestRedact(t *testing.T) {
	cause := errors.New("POST https://x/?s=p%26in\n-----\nsaid: p&in is wrong")
	err := redact(cause, "", "p&in")
	assert.EqualError(t, err, "POST https://x/?s=[redacted] said: [redacted] is wrong")
	assert.ErrorIs(t, err, cause)
	assert.NoError(t, redact(nil, "x"))
	assert.NoError(t, errors.Unwrap(err), "there is no way around")
	assert.Len(t, redact(errors.New(strings.Repeat("x", 1000))).Error(), maxErrorText+len("..."))
}
