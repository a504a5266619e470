package vault_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

const (
	loginPath = "POST /v1/auth/kubernetes/login"
	renewPath = "POST /v1/auth/token/renew-self"
)

// bench is a session in simulated time, with a stand-in server that needs no network.
type bench struct {
	*vaulttest.Server
	session *vault.Session
	transit vault.Transit
	log     *testprocess.Output
	file    string
}

// inBubble runs a test in simulated time, with a session that Keep keeps valid.
func inBubble(t *testing.T, method func(file string) vault.Method, test func(t *testing.T, b *bench)) {
	t.Helper()
	server := vaulttest.New()
	file := writeFile(t, server.JWT)
	synctest.Test(t, func(t *testing.T) {
		b := &bench{Server: server, log: new(testprocess.Output), file: file}
		b.transit, _ = newTransit(t, server)
		b.session = vault.NewSession(b.transit.Client, method(file),
			slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		ctx, cancel := context.WithCancel(t.Context())
		go b.session.Keep(ctx)
		test(t, b)
		cancel()
		synctest.Wait()
		assert.NotContains(t, b.log.String(), "CANARY")
	})
}

func kubernetes(file string) vault.Method {
	return vault.Kubernetes{Mount: "kubernetes", Role: "payermax", ServiceAccountToken: file}
}

func tokenFile(file string) vault.Method { return vault.TokenFile{Path: file} }

// sign requests a signature, as a payment does.
func (b *bench) sign(t *testing.T) error {
	t.Helper()
	return b.session.Do(t.Context(), func(token vault.Secret) error {
		_, err := b.transit.Sign(t.Context(), token, 1, digest[:])
		return err
	})
}

// signFor requests a signature every five seconds for a while. All of them must succeed.
func (b *bench) signFor(t *testing.T, duration time.Duration) {
	t.Helper()
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(5 * time.Second) {
		require.NoError(t, b.sign(t))
	}
}

func (b *bench) replaceFile(t *testing.T, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(b.file, []byte(content), 0o600))
}

func TestTokenIsRenewedAfterTwoThirdsOfItsTTL(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: 60 * time.Second, Renewable: true}
		require.NoError(t, b.sign(t))

		time.Sleep(39 * time.Second)
		assert.Zero(t, b.Calls(renewPath))
		time.Sleep(2 * time.Second)
		assert.Equal(t, 1, b.Calls(renewPath))

		b.signFor(t, time.Hour)
		assert.Equal(t, 1, b.Calls(loginPath))
		assert.Equal(t, 91, b.Calls(renewPath)) // one every 40 s
	})
}

func TestLoginIsRepeatedBeforeMaxTTL(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: 60 * time.Second, MaxTTL: 5 * time.Minute, Renewable: true}
		b.signFor(t, time.Hour)

		// Renewed every 40 s, a token has 20 of its 300 s left after the seventh time.
		assert.InDelta(t, 3600/280, b.Calls(loginPath), 1)
		assert.InDelta(t, 3600/40, b.Calls(renewPath), 2)
		assert.NotContains(t, b.log.String(), "failed")
	})
}

func TestLoginIsRepeatedWhenTokenIsNotRenewable(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: 60 * time.Second}
		b.signFor(t, 590*time.Second)

		assert.Equal(t, 15, b.Calls(loginPath)) // one every 40 s
		assert.Zero(t, b.Calls(renewPath))
	})
}

func TestLoginIsRepeatedWhenRenewalIsRefused(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: 60 * time.Second, Renewable: true}
		b.Fault = vaulttest.Answer("/renew-self", http.StatusForbidden, `{"errors":["permission denied"]}`)
		b.signFor(t, 590*time.Second)

		assert.Equal(t, 15, b.Calls(loginPath))
		assert.Equal(t, 14, b.Calls(renewPath))
	})
}

// A renewal to 0 seconds means that the lease has ended, although a TTL of 0 means that
// it does not expire.
func TestRenewalThatGivesNothing(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: 60 * time.Second, Renewable: true}
		require.NoError(t, b.sign(t))
		renewal := vaulttest.Answer("/renew-self", http.StatusOK, `{"auth":{"lease_duration":0,"renewable":true}}`)
		login := vaulttest.Answer("/login", http.StatusServiceUnavailable, "")
		b.Change(func(s *vaulttest.Server) {
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool { return renewal(w, r) || login(w, r) }
		})
		time.Sleep(50 * time.Second)
		renewals := b.Calls(renewPath)
		b.Change(func(s *vaulttest.Server) { s.Fault = nil })
		time.Sleep(time.Minute)

		assert.Positive(t, renewals)
		assert.Greater(t, b.Calls(renewPath), renewals, "the token must stay due")
	})
}

// If the server is unavailable for a while, renewal is retried, with increasing delays.
func TestRenewalIsTriedAgain(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: 10 * time.Minute, Renewable: true}
		require.NoError(t, b.sign(t))
		b.Change(func(s *vaulttest.Server) {
			s.Fault = vaulttest.Answer("", http.StatusServiceUnavailable, `{"errors":["Vault is sealed"]}`)
		})

		time.Sleep(9 * time.Minute)
		tries := b.Calls(renewPath) // 1+2+4+8+16 s, then every 30 s, from 6:40 on
		assert.InDelta(t, 9, tries, 1)
		assert.ErrorContains(t, b.sign(t), "the server is sealed")

		b.Change(func(s *vaulttest.Server) { s.Fault = nil })
		time.Sleep(31 * time.Second)
		assert.Equal(t, tries+1, b.Calls(renewPath))
		b.signFor(t, 20*time.Minute)
		assert.Equal(t, 1, b.Calls(loginPath))
		assert.Contains(t, b.log.String(), "the token is renewed again")
	})
}

// After an outage during which the token has expired, the session obtains a new one.
func TestLoginIsRepeatedWhenTokenHasExpired(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: time.Minute, Renewable: true}
		require.NoError(t, b.sign(t))
		b.Change(func(s *vaulttest.Server) { s.Fault = vaulttest.Answer("", http.StatusServiceUnavailable, "") })
		time.Sleep(time.Hour)
		assert.Less(t, b.Calls(loginPath), 130) // every 30 s

		b.Change(func(s *vaulttest.Server) { s.Fault = nil })
		require.NoError(t, b.sign(t), "a denied request must not have to wait for the next try")
	})
}

func TestDeniedTokenIsReplaced(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: time.Hour, Renewable: true}
		require.NoError(t, b.sign(t))
		time.Sleep(time.Minute)
		b.Change(func(s *vaulttest.Server) { clear(s.Tokens) })

		var failed atomic.Int32
		var requests sync.WaitGroup
		for range 20 {
			requests.Go(func() {
				if b.sign(t) != nil {
					failed.Add(1)
				}
			})
		}
		requests.Wait()

		assert.Zero(t, failed.Load())
		assert.Equal(t, 2, b.Calls(loginPath), "one login for all of them")
	})
}

// If a policy does not allow a request, each such request must not cause a login.
func TestDeniedPolicyDoesNotCauseALoginStorm(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.Issue = vaulttest.Token{TTL: time.Hour, Renewable: true, NoSign: true}
		for range 600 {
			err := b.sign(t)
			require.True(t, vault.IsDenied(err))
			require.ErrorContains(t, err, `no policy of it allows "update" on transit/sign/payermax/sha2-256`)
			time.Sleep(100 * time.Millisecond)
		}

		assert.LessOrEqual(t, b.Calls(loginPath), 7)
	})
}

func TestFailedLogin(t *testing.T) {
	inBubble(t, kubernetes, func(t *testing.T, b *bench) {
		b.replaceFile(t, "header.CANARY-OTHER.signature")
		err := b.sign(t)
		require.ErrorContains(t, err, `logging in with the Kubernetes service account: permission denied: check that the role "payermax"`)
		assert.NotContains(t, err.Error(), "CANARY")

		require.NoError(t, os.Remove(b.file))
		require.ErrorIs(t, b.sign(t), os.ErrNotExist)

		b.replaceFile(t, b.JWT)
		b.Fault = vaulttest.Answer("/login", http.StatusOK, `{"auth":null,"data":{"CANARY":1}}`)
		require.ErrorContains(t, b.sign(t), "the answer has no token")
		b.Fault = vaulttest.Answer("/login", http.StatusOK, `{"auth":{"client_token":"a\r\nX-Vault-Namespace: CANARY"}}`)
		require.ErrorContains(t, b.sign(t), "the answer has no token")
		b.Fault = vaulttest.Answer("/login", http.StatusNotFound, ``)
		require.ErrorContains(t, b.sign(t), `there is no Kubernetes auth method under the mount "kubernetes"`)

		b.Fault = nil
		require.NoError(t, b.sign(t))
	})
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 5: 16 * time.Second,
		6: 30 * time.Second, 1000: 30 * time.Second,
	} {
		assert.Equal(t, want, vault.Backoff(failures), failures)
	}
}
