package reopen

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

var (
	errLost  = errors.New("session lost")
	errOther = errors.New("mechanism invalid")
	digest   = sha256.Sum256([]byte("body"))
)

// device is a stand-in for an HSM. A reset invalidates all open sessions.
type device struct {
	key *rsa.PrivateKey

	openings, closings, alive atomic.Int32
	epoch                     atomic.Int32
	openErr, signErr          atomic.Pointer[error]
	slow                      time.Duration
	signing                   atomic.Int32
	hold                      chan struct{} // if not nil, signatures block until it is closed
}

func newDevice() *device { return &device{key: testkeys.New(2048)} }

func (d *device) fail(where *atomic.Pointer[error], err error) { where.Store(&err) }

func (d *device) open() (Opened, error) {
	d.openings.Add(1)
	time.Sleep(d.slow)
	if err := d.openErr.Load(); err != nil && *err != nil {
		return Opened{}, *err
	}
	d.alive.Add(1)
	return Opened{Signer: session{d, d.epoch.Load(), &d.key.PublicKey}, Close: func() error {
		d.closings.Add(1)
		d.alive.Add(-1)
		return nil
	}}, nil
}

func (d *device) newKey() *Key {
	return New(d.open, func(err error) bool { return errors.Is(err, errLost) })
}

type session struct {
	device *device
	epoch  int32
	public *rsa.PublicKey
}

func (s session) Public() crypto.PublicKey { return s.public }

func (s session) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	time.Sleep(s.device.slow)
	s.device.signing.Add(1)
	defer s.device.signing.Add(-1)
	if s.device.hold != nil {
		<-s.device.hold
	}
	if s.device.epoch.Load() != s.epoch {
		return nil, errLost
	}
	if err := s.device.signErr.Load(); err != nil && *err != nil {
		return nil, *err
	}
	return rsa.SignPKCS1v15(nil, s.device.key, opts.HashFunc(), digest)
}

func TestOpenedOnceAndOnlyWhenNeeded(t *testing.T) {
	d := newDevice()
	k := d.newKey()
	assert.Zero(t, d.openings.Load())

	public, err := k.Public()
	require.NoError(t, err)
	assert.Equal(t, &d.key.PublicKey, public)
	for range 3 {
		signature, err := k.Sign(context.Background(), digest[:])
		require.NoError(t, err)
		assert.NoError(t, rsa.VerifyPKCS1v15(&d.key.PublicKey, crypto.SHA256, digest[:], signature))
	}
	assert.EqualValues(t, 1, d.openings.Load())
}

func TestLostKeyIsReopenedByOneCaller(t *testing.T) {
	d := newDevice()
	d.slow = time.Millisecond
	k := d.newKey()
	_, err := k.Public()
	require.NoError(t, err)

	for range 5 {
		d.epoch.Add(1)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				_, err := k.Sign(context.Background(), digest[:])
				assert.NoError(t, err)
			})
		}
		group.Wait()
	}
	assert.EqualValues(t, 6, d.openings.Load(), "once at first, and once for each loss")
	assert.EqualValues(t, 5, d.closings.Load())
}

func TestOtherErrorsLeaveTheKeyOpen(t *testing.T) {
	d := newDevice()
	k := d.newKey()
	d.fail(&d.signErr, errOther)
	_, err := k.Sign(context.Background(), digest[:])
	assert.ErrorIs(t, err, errOther)
	assert.EqualValues(t, 1, d.openings.Load())
}

func TestLostKeyIsReopenedOnlyOnce(t *testing.T) {
	d := newDevice()
	k := d.newKey()
	d.fail(&d.signErr, errLost)
	_, err := k.Sign(context.Background(), digest[:])
	assert.ErrorIs(t, err, errLost)
	assert.EqualValues(t, 2, d.openings.Load(), "tried again once")
}

func TestWaitersShareAFailedAttempt(t *testing.T) {
	d := newDevice()
	d.slow = 50 * time.Millisecond
	d.fail(&d.openErr, errOther)
	k := d.newKey()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := k.Sign(context.Background(), digest[:])
			assert.ErrorIs(t, err, errOther)
		})
	}
	group.Wait()
	assert.Less(t, d.openings.Load(), int32(20))

	d.fail(&d.openErr, nil)
	_, err := k.Sign(context.Background(), digest[:])
	assert.NoError(t, err, "it comes back")
}

func TestReopeningFindsAnotherKey(t *testing.T) {
	d := newDevice()
	k := d.newKey()
	_, err := k.Public()
	require.NoError(t, err)

	d.key = newDevice().key
	d.epoch.Add(1)
	_, err = k.Sign(context.Background(), digest[:])
	assert.ErrorContains(t, err, "another key")
	assert.Zero(t, d.alive.Load())
}

// patience is how long to wait for a condition.
const patience = 30 * time.Second

func TestRelease(t *testing.T) {
	d := newDevice()
	d.hold = make(chan struct{})
	k := d.newKey()
	_, err := k.Public()
	require.NoError(t, err)

	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			_, err := k.Sign(context.Background(), digest[:])
			assert.NoError(t, err, "a signature under way is finished")
		})
	}
	require.Eventually(t, func() bool { return d.signing.Load() == 4 }, patience, time.Millisecond)
	released := make(chan struct{})
	go func() { k.Release(); close(released) }()
	select {
	case <-released:
	case <-time.After(patience):
		assert.Fail(t, "it waits for the signatures")
	}
	close(d.hold)
	group.Wait()
	closed := func() bool { return d.alive.Load() == 0 }
	assert.Eventually(t, closed, patience, time.Millisecond)

	for range 4 {
		group.Go(func() {
			_, err := k.Sign(context.Background(), digest[:])
			assert.NoError(t, err, "a late signature is made too")
		})
	}
	group.Wait()
	assert.Eventually(t, closed, patience, time.Millisecond)
	k.Release()
	assert.Equal(t, d.openings.Load(), d.closings.Load())
}

func TestReleaseBeforeOpening(t *testing.T) {
	d := newDevice()
	d.newKey().Release()
	assert.Zero(t, d.openings.Load())
}
