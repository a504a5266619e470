package envelope

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// Notification is what the envelope of a notification says about itself.
type Notification struct {
	// Type is notifyType, such as PAYMENT. It is never empty.
	Type string
	// AppIDs are the values of appId and merchantAppId. Some of PayerMax's
	// notifications have the one, some the other.
	AppIDs []string
	// MerchantNo is the merchant's number, or "" if the notification does not
	// name it. Notifications of payments may leave it out.
	MerchantNo string
}

// notificationNames are the members that decide what a notification is, whose, and what
// it says. A payment that has failed may say so by its code alone.
var notificationNames = lookalike.NewNames("notifyType", "appId", "merchantAppId", "merchantNo", "code", "data")

// ReadNotification reads the envelope of a notification: one strict JSON object
// with a notifyType, which tells it from an answer that is signed with the same
// key. Where the application's parser, which may take notify_type for notifyType,
// finds another type or merchant, this one must not find the right one: that is an
// [Ambiguity]. Its errors continue a sentence about the notification and repeat nothing
// of it.
func ReadNotification(body []byte) (Notification, error) {
	var n Notification
	err := readMembers(body, decisiveInAnswers, func(_ *reader, name string, value jsontext.Value) error {
		known := notificationNames.Known([]byte(name))
		switch known {
		case "":
			return nil
		case name:
			if name == "data" {
				return nil // the application's
			}
			return n.set(member{known, value})
		default:
			return mistakable(known)
		}
	})
	if err != nil {
		return Notification{}, inAnswer(err)
	}
	if n.Type == "" {
		return Notification{}, errors.New("it has no notifyType")
	}
	return n, nil
}

// set takes one of the members. An optional one that is null or empty is as good
// as absent, which is how some serializers write it.
func (n *Notification) set(m member) error {
	if m.value.Kind() == 'n' {
		return nil
	}
	if m.value.Kind() != '"' {
		return fmt.Errorf("its %s is not a string", m.name)
	}
	text := m.text()
	switch {
	case text == "" || m.name == "code": // the application's
	case m.name == "notifyType":
		n.Type = text
	case m.name == "merchantNo":
		n.MerchantNo = text
	default:
		n.AppIDs = append(n.AppIDs, text)
	}
	return nil
}

// NotificationID identifies a notification by what it says: by all its members
// but notifyTime and requestTime, which may be those of the delivery. A body
// that is not a JSON object is identified by all its bytes.
func NotificationID(body []byte) [sha256.Size]byte {
	d := openDecoder(body)
	defer d.close()
	sum := sha256.New()
	err := eachMember(d, func(name []byte, value jsontext.Value) error {
		if string(name) != "notifyTime" && string(name) != "requestTime" {
			sum.Write(appendString(nil, string(name)))
			sum.Write(value)
		}
		return nil
	})
	if err != nil {
		return sha256.Sum256(body)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}
