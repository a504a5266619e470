package health

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// provisioned provisions a handler that watches these files, and returns a function that ends
// it.
func provisioned(t *testing.T, paths ...string) (end func(), err error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	handler := &Handler{Certificates: paths}
	return func() { require.NoError(t, handler.Cleanup()) }, handler.Provision(ctx)
}

// The metric shows the earliest expiry in each file as long as a config with the file is in
// use, and with two such configs the earlier time.
func TestCertificateExpiry(t *testing.T) {
	now := time.Now()
	until := func(days int) time.Time { return now.AddDate(0, 0, days).Truncate(time.Second) }
	authority := testkeys.NewAuthority(t)
	certificate := func(days int) string {
		issued := authority.IssueToServer(t, "payermax-gateway", now.Add(-time.Hour), until(days))
		return testkeys.PEM("CERTIFICATE", issued.Certificate[0])
	}
	key := testkeys.PrivatePEM(testkeys.Merchant())
	served := testkeys.WriteFile(t, certificate(20)+key)
	trusted := testkeys.WriteFile(t, certificate(300)+certificate(10)+certificate(200))
	t.Setenv("TRUSTED", trusted)

	end, err := provisioned(t, served, "{env.TRUSTED}")
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{served: until(20).Unix(), trusted: until(10).Unix()}, watched())

	// A file that has been replaced since is not the one in use.
	require.NoError(t, os.WriteFile(served, []byte(certificate(90)), 0o600))
	assert.Equal(t, until(20).Unix(), watched()[served])
	endNext, err := provisioned(t, served)
	require.NoError(t, err)
	assert.Equal(t, until(20).Unix(), watched()[served])
	end()
	assert.Equal(t, map[string]int64{served: until(90).Unix()}, watched())
	endNext()
	assert.Empty(t, watched())
}

// watched returns what the metric shows, in seconds since 1970.
func watched() map[string]int64 {
	seconds := make(map[string]int64)
	for path, expires := range inUse.first() {
		seconds[path] = expires.Unix()
	}
	return seconds
}

// A file without readable certificates is refused when the config is loaded. The error quotes
// nothing of the file.
func TestCertificatesThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	key := testkeys.PrivatePEM(testkeys.Merchant())
	for says, path := range map[string]string{
		"no such file":                 filepath.Join(folder, "missing.crt"),
		"is not a regular file":        pipe,
		"has no certificate in PEM":    testkeys.WriteFile(t, key),
		"that cannot be read":          testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", []byte("no certificate"))),
		"is larger than 1048576 bytes": testkeys.WriteFile(t, strings.Repeat("#\n", maxCertificateFile)),
		"looks like a key itself":      testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())),
		"{env.CERTIFICATE_MISSING}":    "{env.CERTIFICATE_MISSING}",
	} {
		_, err := provisioned(t, path)
		require.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, "certificates: ")
		testkeys.RequireSilent(t, err.Error(), key, 20)
	}
	assert.Empty(t, watched())
}
