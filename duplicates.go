package payermax

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
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
	window time.Duration
	now    func() time.Time

	mutex    sync.Mutex
	accepted map[notification]*list.Element
	order    *list.List // of acceptance, the oldest first
	underWay map[notification]struct{}
}

// acceptance is an entry of the list.
type acceptance struct {
	id notification
	at time.Time
}

func newAcceptedNotifications(window time.Duration) *acceptedNotifications {
	return &acceptedNotifications{
		window:   window,
		now:      time.Now,
		accepted: make(map[notification]*list.Element),
		order:    list.New(),
		underWay: make(map[notification]struct{}),
	}
}

// begin says whether the notification is new, and if so, that it is under way
// until end is called.
func (s *acceptedNotifications) begin(id notification) delivery {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.forget()
	if _, ok := s.accepted[id]; ok {
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
		s.accepted[id] = s.order.PushBack(acceptance{id, s.now()})
		s.forget()
	}
}

// forget drops what is older than the window, and the oldest beyond the limit.
func (s *acceptedNotifications) forget() {
	for oldest := s.order.Front(); oldest != nil; oldest = s.order.Front() {
		entry := oldest.Value.(acceptance)
		if s.order.Len() <= maxAccepted && s.now().Sub(entry.at) <= s.window {
			return
		}
		s.order.Remove(oldest)
		delete(s.accepted, entry.id)
	}
}
