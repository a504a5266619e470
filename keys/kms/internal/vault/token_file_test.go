package vault_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

func TestTokenFileIsReadAgainWhenItChanges(t *testing.T) {
	inBubble(t, tokenFile, func(t *testing.T, b *bench) {
		b.Tokens["hvs.CANARY-1"] = new(vaulttest.Token)
		b.Tokens["hvs.CANARY-2"] = new(vaulttest.Token)
		b.replaceFile(t, "hvs.CANARY-1\n")
		require.NoError(t, b.sign(t))

		b.replaceFile(t, "hvs.CANARY-2\n")
		time.Sleep(6 * time.Second)
		b.Change(func(s *vaulttest.Server) { delete(s.Tokens, "hvs.CANARY-1") })
		require.NoError(t, b.sign(t))
		assert.Equal(t, 2, b.Calls("GET /v1/auth/token/lookup-self"))
	})
}

func TestTokenFileIsReadAtOnceWhenTheTokenIsDenied(t *testing.T) {
	inBubble(t, tokenFile, func(t *testing.T, b *bench) {
		b.Tokens["hvs.CANARY-1"] = new(vaulttest.Token)
		b.replaceFile(t, "hvs.CANARY-1")
		require.NoError(t, b.sign(t))
		time.Sleep(time.Minute + time.Second)

		b.Change(func(s *vaulttest.Server) {
			delete(s.Tokens, "hvs.CANARY-1")
			s.Tokens["hvs.CANARY-2"] = new(vaulttest.Token)
		})
		b.replaceFile(t, "hvs.CANARY-2")

		assert.NoError(t, b.sign(t))
	})
}

// If the file vanishes or is half-written, the last good token stays in use.
func TestTokenFileMayVanishAndComeBack(t *testing.T) {
	inBubble(t, tokenFile, func(t *testing.T, b *bench) {
		b.Tokens["hvs.CANARY-1"] = new(vaulttest.Token)
		b.Tokens["hvs.CANARY-2"] = new(vaulttest.Token)
		b.replaceFile(t, "hvs.CANARY-1")
		require.NoError(t, b.sign(t))

		require.NoError(t, os.Remove(b.file))
		b.signFor(t, 20*time.Second)
		b.replaceFile(t, "")
		b.signFor(t, 20*time.Second)
		assert.Contains(t, b.log.String(), "token_file")

		b.replaceFile(t, "hvs.CANARY-2")
		b.signFor(t, 40*time.Second)
		assert.Contains(t, b.log.String(), "the token is renewed again")
		b.Change(func(s *vaulttest.Server) { delete(s.Tokens, "hvs.CANARY-1") })
		assert.NoError(t, b.sign(t))
	})
}

func TestTokenOfAFileIsRenewed(t *testing.T) {
	inBubble(t, tokenFile, func(t *testing.T, b *bench) {
		b.Tokens["hvs.CANARY-1"] = &vaulttest.Token{
			TTL: time.Minute, Renewable: true, Issued: time.Now(), Expires: time.Now().Add(time.Minute),
		}
		b.replaceFile(t, "hvs.CANARY-1")
		b.signFor(t, time.Hour)

		assert.Equal(t, 1, b.Calls("GET /v1/auth/token/lookup-self"))
	})
}

func TestTokenOfAFileThatEndsIsAnnounced(t *testing.T) {
	inBubble(t, tokenFile, func(t *testing.T, b *bench) {
		b.Tokens["hvs.CANARY-1"] = &vaulttest.Token{
			TTL: time.Hour, Issued: time.Now(), Expires: time.Now().Add(time.Hour),
		}
		b.replaceFile(t, "hvs.CANARY-1")
		require.NoError(t, b.sign(t))
		time.Sleep(39 * time.Minute)
		assert.NotContains(t, b.log.String(), "write a new one to token_file")
		b.signFor(t, 20*time.Minute)
		assert.Contains(t, b.log.String(), "write a new one to token_file")

		time.Sleep(2 * time.Minute)
		require.ErrorContains(t, b.sign(t), "the token is not valid")

		b.Change(func(s *vaulttest.Server) { s.Tokens["hvs.CANARY-2"] = new(vaulttest.Token) })
		b.replaceFile(t, "hvs.CANARY-2")
		time.Sleep(6 * time.Second)
		assert.NoError(t, b.sign(t))
	})
}

// A token without the default policy is not allowed to look itself up, but can sign.
func TestTokenThatMayNotLookItselfUp(t *testing.T) {
	inBubble(t, tokenFile, func(t *testing.T, b *bench) {
		b.Tokens["hvs.CANARY-1"] = &vaulttest.Token{NoLookUp: true}
		b.replaceFile(t, "hvs.CANARY-1")
		b.signFor(t, time.Minute)
	})
}
