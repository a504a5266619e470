package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// failing is a store that fails for some operations. The result of a failing claim must not
// be used.
type failing struct {
	stores.Claims
	claim, finish, release bool
}

var errAway = errors.New("the store is away")

func (f *failing) Claim(ctx context.Context, key stores.Key, lease time.Duration) (stores.State, stores.Claim, error) {
	state, claim, err := f.Claims.Claim(ctx, key, lease)
	if f.claim {
		state, err = stores.Done, errAway
	}
	return state, claim, err
}

func (f *failing) Finish(ctx context.Context, claim stores.Claim, remember time.Duration) error {
	if f.finish {
		return errAway
	}
	return f.Claims.Finish(ctx, claim, remember)
}

func (f *failing) Release(ctx context.Context, claim stores.Claim) error {
	if f.release {
		return errAway
	}
	return f.Claims.Release(ctx, claim)
}

// countedUnguarded returns how many notifications were delivered without the guard so far.
func countedUnguarded(t *testing.T) float64 {
	t.Helper()
	return testtool.Counted(t, unguarded)
}

// A store that cannot be reached only disables the guard: notifications are still delivered,
// and each is counted once as unguarded. An acceptance is remembered as soon as the store
// learns of it.
func TestNotifyWithoutItsStore(t *testing.T) {
	for name, test := range map[string]struct {
		away      failing
		unguarded float64
		accepts   bool
		next      int // the status of the next delivery
	}{
		"no claim":          {failing{claim: true}, 1, true, http.StatusOK},
		"not finished":      {failing{finish: true}, 1, true, http.StatusServiceUnavailable},
		"neither":           {failing{claim: true, finish: true}, 1, true, http.StatusServiceUnavailable},
		"not released":      {failing{release: true}, 0, false, http.StatusServiceUnavailable},
		"neither, released": {failing{claim: true, release: true}, 1, false, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			n := newHandler(t, guarded)
			isLost := test.away.release && !test.accepts
			test.away.Claims = n.guard.claims
			n.guard.claims = &test.away
			core, logged := observer.New(zap.WarnLevel)
			n.guard.logger = zap.New(core)
			before, count := countedUnguarded(t), 0
			w := deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, r *http.Request) error {
				if test.accepts {
					return accepting(&count)(w, r)
				}
				w.WriteHeader(http.StatusInternalServerError)
				return nil
			})
			assert.Equal(t, test.accepts, w.Code == http.StatusOK)
			assert.Equal(t, test.unguarded, countedUnguarded(t)-before)
			assert.EqualValues(t, test.unguarded, logged.FilterMessageSnippet("delivered without the guard").Len())
			assert.Equal(t, isLost, logged.FilterMessageSnippet("did not release a notification").Len() == 1)

			test.away = failing{Claims: test.away.Claims} // the store is back, and PayerMax delivers again
			assert.Equal(t, test.next, deliver(t, n, notify(t, paymentNotification), testcaddy.Unreachable(t)).Code)
			memory := test.away.Claims.(*stores.Memory)
			memory.Now = func() time.Time { return time.Now().Add(lease) }
			again := deliver(t, n, notify(t, paymentNotification), accepting(&count))
			assert.Equal(t, http.StatusOK, again.Code, "no delivery is delayed by more than the lease")
			assert.Equal(t, before+test.unguarded, countedUnguarded(t))
		})
	}
}

// distant refuses to make or end claims for a cancelled context, as a store behind a network
// does.
type distant struct{ stores.Claims }

func (d distant) Claim(ctx context.Context, key stores.Key, lease time.Duration) (stores.State, stores.Claim, error) {
	if err := ctx.Err(); err != nil {
		return stores.New, stores.Claim{}, err
	}
	return d.Claims.Claim(ctx, key, lease)
}

func (d distant) Finish(ctx context.Context, claim stores.Claim, remember time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.Claims.Finish(ctx, claim, remember)
}

// The store records that the application has accepted a notification even if the sender has
// hung up.
func TestNotifyRecordsAcceptanceAfterHangUp(t *testing.T) {
	n := newHandler(t, guarded)
	n.guard.claims = distant{n.guard.claims}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var count int
	deliver(t, n, notify(t, paymentNotification).WithContext(gone), accepting(&count))
	w := deliver(t, n, notify(t, paymentNotification), accepting(&count))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, 1, count)
}

// The context of the application's work ends with its answer.
func TestContextEndsWithTheDelivery(t *testing.T) {
	var ofApplication context.Context
	deliver(t, newHandler(t, guarded), notify(t, paymentNotification), func(w http.ResponseWriter, r *http.Request) error {
		ofApplication = r.Context()
		assert.NoError(t, ofApplication.Err())
		return saying(acknowledgement)(w, r)
	})
	assert.ErrorIs(t, ofApplication.Err(), context.Canceled)
}

// A handler does not mistake the claim of the handler before it for another delivery: two
// handlers can share a guard although the config does not show that one is behind the other.
func TestGuardsInARow(t *testing.T) {
	first, second := newHandler(t, guarded), newHandler(t, guarded)
	second.guard.claims = first.guard.claims
	count := 0
	through := func(w http.ResponseWriter, r *http.Request) error { return second.ServeHTTP(w, r, accepting(&count)) }
	for range 2 {
		w := deliver(t, first, notify(t, paymentNotification), through)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, acknowledgement, w.Body.String())
	}
	assert.Equal(t, 1, count)
}

// After the sender hangs up, the application is still working: no other delivery starts
// beside it, and an acceptance is remembered. It has one lease for that.
func TestApplicationOutlastsTheSender(t *testing.T) {
	for name, test := range map[string]struct {
		takes   time.Duration
		accepts bool
	}{
		"accepts":         {lease - time.Second, true},
		"does not accept": {lease - time.Second, false},
		"takes too long":  {time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newHandler(t, guarded)
			synctest.Test(t, func(t *testing.T) {
				n.guard.claims = stores.NewMemory() // by the clock of this test
				sender, hangUp := context.WithCancel(t.Context())
				first := notify(t, paymentNotification).WithContext(sender)
				over := false
				go func() {
					_ = n.ServeHTTP(httptest.NewRecorder(), first, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
						select {
						case <-time.After(test.takes):
						case <-r.Context().Done():
							return r.Context().Err()
						}
						if !test.accepts {
							w.WriteHeader(http.StatusInternalServerError)
							return nil
						}
						_, err := io.WriteString(w, acknowledgement)
						return err
					}))
					over = true
				}()
				synctest.Wait()
				hangUp()
				synctest.Wait()
				assert.False(t, over)
				assert.Equal(t, http.StatusServiceUnavailable, deliver(t, n, notify(t, paymentNotification), testcaddy.Unreachable(t)).Code)

				time.Sleep(lease)
				synctest.Wait()
				assert.True(t, over)
				count := 0
				assert.Equal(t, http.StatusOK, deliver(t, n, notify(t, paymentNotification), accepting(&count)).Code)
				assert.Equal(t, test.accepts, count == 0)
			})
		})
	}
}

// The notification stays under way however long the application takes. After the end, no
// renewal brings the claim back.
func TestLeaseLastsAsLongAsTheDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := &duplicates{stores.NewMemory(), scopeOf(addressees{}), time.Hour, zap.NewNop()}
		first := guard.begin(t.Context(), []byte(paymentNotification))
		require.Equal(t, stores.New, first.state)
		for range 100 {
			time.Sleep(lease / 3)
			require.Equal(t, stores.UnderWay, guard.begin(t.Context(), []byte(paymentNotification)).state)
		}
		first.end(t.Context(), false)
		second := guard.begin(t.Context(), []byte(paymentNotification))
		require.Equal(t, stores.New, second.state)
		second.end(t.Context(), true)
		time.Sleep(2 * lease)
		require.Equal(t, stores.Done, guard.begin(t.Context(), []byte(paymentNotification)).state)
	})
}

// If the process dies during a delivery, the notification can be delivered again a lease after
// the last renewal, and not only when the window is over.
func TestRenewedLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := &duplicates{stores.NewMemory(), scopeOf(addressees{}), time.Hour, zap.NewNop()}
		first := guard.begin(t.Context(), []byte(paymentNotification))
		time.Sleep(renewal)
		synctest.Wait()
		first.stop() // and it is never heard of again
		time.Sleep(lease - time.Second)
		assert.Equal(t, stores.UnderWay, guard.begin(t.Context(), []byte(paymentNotification)).state)
		time.Sleep(time.Second)
		second := guard.begin(t.Context(), []byte(paymentNotification))
		require.Equal(t, stores.New, second.state)
		second.end(t.Context(), false)
	})
}

// slowClaims are claims whose renewals block until letGo is closed, and which record when
// they are released.
type slowClaims struct {
	stores.Claims
	letGo    chan struct{}
	released atomic.Bool
}

func (s *slowClaims) Renew(ctx context.Context, claim stores.Claim, lease time.Duration) error {
	<-s.letGo
	return s.Claims.Renew(ctx, claim, lease)
}

func (s *slowClaims) Release(ctx context.Context, claim stores.Claim) error {
	s.released.Store(true)
	return s.Claims.Release(ctx, claim)
}

// A notification that was not accepted is released after the last renewal. Otherwise, the
// renewal could claim it again, and PayerMax's deliveries would be refused until the lease is
// over.
func TestNoRenewalFollowsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims := &slowClaims{Claims: stores.NewMemory(), letGo: make(chan struct{})}
		guard := &duplicates{claims, scopeOf(addressees{}), time.Hour, zap.NewNop()}
		delivery := guard.begin(t.Context(), []byte(paymentNotification))
		time.Sleep(renewal)
		synctest.Wait() // the renewal due at this instant has begun
		go delivery.end(t.Context(), false)
		synctest.Wait()
		assert.False(t, claims.released.Load(), "a renewal is under way")
		close(claims.letGo)
		synctest.Wait()
		assert.True(t, claims.released.Load())
	})
}

// A lease ends before PayerMax delivers again, and survives two failed renewals.
func TestLeaseFitsPayerMax(t *testing.T) {
	assert.Less(t, lease, 30*time.Second)
	assert.Greater(t, lease, 3*renewal)
}

// The guards of two handlers share a scope if their merchants are the same, in any order.
func TestGuardsOfSameMerchantsShareScope(t *testing.T) {
	scope := scopeOf(addressees{[]string{"a", "b"}, []string{"1", "2"}})
	assert.Equal(t, scope, scopeOf(addressees{[]string{"b", "a"}, []string{"2", "1"}}))
	for _, other := range []addressees{{}, {[]string{"a"}, []string{"b", "1", "2"}}, {[]string{"a", "b"}, []string{"1"}}} {
		assert.NotEqual(t, scope, scopeOf(other))
	}
}

// A store without duplicates is an error, and so is a module that is not a store.
func TestStoreNeedsDuplicates(t *testing.T) {
	n := &Handler{GatewayPublicKeys: newHandler(t).GatewayPublicKeys, StoreRaw: []byte(`{"module":"memory"}`)}
	assert.ErrorContains(t, testcaddy.Provision(t, n), "store: has no meaning without duplicates")
	n.StoreRaw, n.Duplicates = []byte(`{"module":"redsi"}`), 1
	err := testcaddy.Provision(t, n)
	require.ErrorContains(t, err, "store: ")
	assert.True(t, strings.Contains(err.Error(), "payermax.stores.redsi"), err)
}
