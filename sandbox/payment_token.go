package sandbox

import "time"

// paymentToken stands for the card that a buyer has entered in a Drop-In component. It can pay one order, in its
// session. The ledger's lock guards it.
type paymentToken struct {
	sessionKey string

	// agreed is true if the buyer has agreed that the card may be saved.
	agreed bool

	// simulates is one of the keys of bySubject, or "" to use the order's own subject.
	simulates string

	used bool
}

// openedSession returns the session with the given keys, or nil if a key is wrong or the session has expired. It is
// called with the lock held.
func (l *ledger) openedSession(clientKey, sessionKey string, now time.Time) *session {
	s := l.sessions.get(sessionKey)
	if s == nil || !equal(s.clientKey, clientKey) || s.hasExpired(now) {
		return nil
	}
	return s
}

// issueToken creates a paymentToken in a session and returns its text, or "" if there is no such session.
func (l *ledger) issueToken(clientKey string, t *paymentToken, now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.openedSession(clientKey, t.sessionKey, now)
	if s == nil {
		return ""
	}
	s.issues = true
	t.agreed = t.agreed && s.futureUse
	token := "CPT" + randomKey()
	l.paymentTokens.put(token, t)
	return token
}

// issued looks up the paymentToken of an order, and reports whether the session accepts it. A token that a component
// has issued must belong to the session and be unused. For any other text, t is nil; a session accepts these only as
// long as its component has issued no token. It is called with the lock held.
func (l *ledger) issued(s *session, sessionKey, text string) (t *paymentToken, ok bool) {
	t = l.paymentTokens.get(text)
	switch {
	case t != nil:
		return t, t.sessionKey == sessionKey && !t.used
	default:
		return nil, !s.issues
	}
}
