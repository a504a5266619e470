package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// canaryUser is the prefix of the names of all users in the requests of these tests.
const canaryUser = "canary-user-"

// withoutFields are global options against a leak that the documentation warns of: at the level
// debug, Caddy's own reverse_proxy logs the header fields that it sends and receives.
const withoutFields = "log default {\nformat filter {\nrequest>headers delete\nheaders delete\n}\n}"

// base64Run matches text long enough to be a signature, or a key in one line.
var base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{300,}`)

// leaks returns what a process must not print: anything that looks like a signature or a key, the
// text of the keys that these tests generate, and the users of requests. Public keys are not
// secret.
func leaks(printed string) []string {
	const publicKey = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" // the DER of every 2048-bit key starts like this
	var found []string
	for _, run := range base64Run.FindAllString(printed, -1) {
		if !strings.HasPrefix(run, publicKey) {
			found = append(found, "what may be a signature or a key")
		}
	}
	for name, secret := range map[string]string{
		"a private key's first line": "PRIVATE KEY-----\n",
		"the user of a request":      canaryUser,
		"the merchant's key":         testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))[64:128], // the second line of its PEM
		"the merchant's exponent":    testkeys.Merchant().D.String()[:40],
	} {
		if strings.Contains(printed, secret) {
			found = append(found, fmt.Sprintf("%s: %s", name, linesWith(printed, secret)))
		}
	}
	return found
}

// leaks finds what it is meant to find.
func TestLeaks(t *testing.T) {
	t.Parallel()
	signature := sign(testkeys.Merchant(), []byte("body"))
	for name, printed := range map[string]string{
		"a signature":     `{"sign":["` + signature + `"]}`,
		"a key":           testkeys.PrivatePEM(testkeys.Merchant()),
		"a key, escaped":  strings.ReplaceAll(testkeys.PrivatePEM(testkeys.Merchant()), "\n", `\n`),
		"a key, one line": testkeys.OneLine(testkeys.PKCS1(testkeys.Merchant())),
		"a body":          validBody(),
		"a number":        fmt.Sprint(testkeys.Merchant().D),
	} {
		assert.NotEmpty(t, leaks("before\n"+printed+"\nafter"), name)
	}
	assert.Empty(t, leaks(`{"msg":"call","fingerprint":"sha256:`+strings.Repeat("0a", 32)+`"} `+testkeys.OneLine(testkeys.SPKI(&testkeys.Gateway().PublicKey))))
}
