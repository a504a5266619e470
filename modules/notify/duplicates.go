package notify

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/recent"
)

// maxAccepted is how many notifications are remembered at most.
const maxAccepted = 10_000

// notification identifies a notification ([envelope.NotificationID]).
type notification [sha256.Size]byte

// delivery is the state of a notification.
type delivery int

const (
	isNew delivery = iota
	beingDelivered
	alreadyAccepted
)

// acceptedNotifications remembers, for a while, what the application accepted.
type acceptedNotifications struct {
	mutex    sync.Mutex
	accepted *recent.Values[notification, struct{}]
	underWay map[notification]struct{}
}

func newAcceptedNotifications(window time.Duration) *acceptedNotifications {
	return &acceptedNotifications{
		accepted: recent.New[notification, struct{}](window, maxAccepted),
		underWay: make(map[notification]struct{}),
	}
}

// begin returns the state of a notification. A new one is under way until end is
// called.
func (s *acceptedNotifications) begin(id notification) delivery {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, ok := s.accepted.Get(id); ok {
		return alreadyAccepted
	}
	if _, ok := s.underWay[id]; ok {
		return beingDelivered
	}
	s.underWay[id] = struct{}{}
	return isNew
}

// end notes what became of a notification that was under way.
func (s *acceptedNotifications) end(id notification, accepted bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.underWay, id)
	if accepted {
		s.accepted.Put(id, struct{}{})
	}
}
