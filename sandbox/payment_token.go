package sandbox

import "time"

// paymentToken is what a Drop-In component makes of the card that a buyer has entered. It is good for one order, in its
// session. The ledger guards it.
type paymentToken struct {
	sessionKey string

	// agreed says that the buyer has ticked that the card may be saved.
	agreed bool

	// simulates is one of the words of bySubject, or "" for what the order's own subject says.
	simulates string

	used bool
}

// openedSession returns the session that a component was made with, if both of its keys are right and it has not expired.
// It is called with the lock held.
func (l *ledger) openedSession(clientKey, sessionKey string, now time.Time) *session {
	s := l.sessions.get(sessionKey)
	if s == nil || !equal(s.clientKey, clientKey) || s.hasExpired(now) {
		return nil
	}
	return s
}

// issueToken makes a paymentToken in a session, or returns "" if there is no such session.
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

// issued returns a paymentToken that was issued for a session, used or not. It reports false for a text that cannot be
// one: a session whose component has issued a token takes no others. It is called with the lock held.
func (l *ledger) issued(s *session, sessionKey, text string) (t *paymentToken, ok bool) {
	t = l.paymentTokens.get(text)
	switch {
	case t != nil:
		return t, t.sessionKey == sessionKey && !t.used
	default:
		return nil, !s.issues
	}
}
