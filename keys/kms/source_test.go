package kms

import (
	"crypto"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

// stub is a key manager whose behaviour the test controls.
type stub struct {
	openings int
	takes    time.Duration
	err      error
	key      crypto.Signer
}

func (s *stub) open() (reopen.Opened, error) {
	s.openings++
	time.Sleep(s.takes)
	return reopen.Opened{Signer: s.key, Close: func() error { return nil }}, s.err
}

func (s *stub) source() *source {
	source := new(source)
	source.provision(Limits{}, address{}, s.open, nil)
	return source
}

func TestKeyIsLoadedOnce(t *testing.T) {
	key := testkeys.Merchant()
	s := &stub{key: key}
	source := s.source()
	assert.Zero(t, s.openings, "provisioning asks nobody")
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() { assert.NoError(t, signWith(t, mustKey(t, source))) })
	}
	group.Wait()
	assert.Equal(t, 1, s.openings)
	assert.NoError(t, source.release())
}

func TestFailedLoadIsNotRetriedAtOnce(t *testing.T) {
	key := testkeys.Merchant()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{err: errors.New("connection refused")}
		source := s.source()
		for range 100 {
			_, _, err := source.Key()
			assert.EqualError(t, err, "loading the signing key: connection refused")
		}
		assert.Equal(t, 1, s.openings)

		time.Sleep(loadPause)
		s.err, s.key = nil, key
		_, _, err := source.Key()
		assert.NoError(t, err)
	})
}

func TestLoadTimesOut(t *testing.T) {
	key := testkeys.Merchant()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{key: key, takes: time.Minute}
		source := s.source()
		for range 2 {
			begin := time.Now()
			_, _, err := source.Key()
			assert.ErrorContains(t, err, "there was no answer within 20s")
			assert.Equal(t, loadTimeout, time.Since(begin))
			time.Sleep(loadPause)
		}
		_, _, err := source.Key()
		assert.NoError(t, err, "it is the first load that ends now")
		assert.Equal(t, 1, s.openings)
	})
}

func TestReleaseWithoutProvision(t *testing.T) {
	assert.NoError(t, new(source).release())
}
