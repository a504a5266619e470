package payermax

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// maxAccepted is how many notifications are remembered at most.
const maxAccepted = 10_000

// notification identifies a notification: what it says, whenever it says it.
type notification [sha256.Size]byte

// notificationID identifies a notification by all its members but notifyTime
// and requestTime, which may be those of the delivery. A body that is no JSON
// object is identified by all its bytes.
func notificationID(body []byte) notification {
	sum := sha256.New()
	d := jsontext.NewDecoder(bytes.NewBuffer(body))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return sha256.Sum256(body)
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return sha256.Sum256(body)
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return sha256.Sum256(body)
		}
		if name == "notifyTime" || name == "requestTime" {
			continue
		}
		quoted, _ := jsontext.AppendQuote(nil, name)
		sum.Write(quoted)
		sum.Write(value)
	}
	if _, err := d.ReadToken(); err != nil {
		return sha256.Sum256(body)
	}
	return notification(sum.Sum(nil))
}

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
