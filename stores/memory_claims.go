package stores

import (
	"context"
	"time"
)

// Claim takes the key, unless it is held or done.
func (m *Memory) Claim(_ context.Context, key Key, lease time.Duration) (State, Claim, error) {
	claim := NewClaim(key)
	return m.take(claim, lease), claim, nil
}

// Renew starts the lease of a claim again.
func (m *Memory) Renew(_ context.Context, claim Claim, lease time.Duration) error {
	m.take(claim, lease)
	return nil
}

// take makes the claim hold its key, unless another claim does or the key is done.
func (m *Memory) take(claim Claim, lease time.Duration) State {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.Now()
	if _, isDone := m.done.get(claim.Key, now); isDone {
		return Done
	}
	if holder, isHeld := m.held.get(claim.Key, now); isHeld && holder != claim.Token {
		return UnderWay
	}
	m.held.put(claim.Key, claim.Token, now, lease)
	return New
}

// Finish remembers that the key is done.
func (m *Memory) Finish(_ context.Context, claim Claim, remember time.Duration) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.held.drop(claim.Key)
	m.done.put(claim.Key, struct{}{}, m.Now(), remember)
	return nil
}

// Release gives a claim back if it still holds its key.
func (m *Memory) Release(_ context.Context, claim Claim) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if holder, isHeld := m.held.get(claim.Key, m.Now()); isHeld && holder == claim.Token {
		m.held.drop(claim.Key)
	}
	return nil
}
