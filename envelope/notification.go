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
	// AppIDs are the values of appId and merchantAppId. PayerMax's notifications have one
	// or the other.
	AppIDs []string
	// MerchantNo is the merchant number, or "" if the notification does not name it.
	// Payment notifications may leave it out.
	MerchantNo string
}

// notificationNames are the members that decide what a notification is, for whom it is,
// and what it says. They include code, because that may be the only sign of a failed
// payment.
var notificationNames = lookalike.NewNames("notifyType", "appId", "merchantAppId", "merchantNo", "code", "data")

// ReadNotification reads the envelope of a notification: one strict JSON object with a
// notifyType, which distinguishes it from an answer that is signed with the same key. The
// application's parser may take notify_type for notifyType. If it could find another type
// or merchant than ReadNotification, the error is an [Ambiguity]. The errors continue a
// sentence about the notification and repeat nothing of it.
func ReadNotification(body []byte) (Notification, error) {
	var n Notification
	err := readMembers(body, decisiveInAnswers, func(_ *reader, name string, value jsontext.Value) error {
		known := notificationNames.Known([]byte(name))
		switch known {
		case "":
			return nil
		case name:
			if name == "data" {
				return nil // left to the application
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

// set stores one of the members. A member that is null or empty counts as absent, because
// some serializers write absent members like that.
func (n *Notification) set(m member) error {
	if m.value.Kind() == 'n' {
		return nil
	}
	if m.value.Kind() != '"' {
		return fmt.Errorf("its %s is not a string", m.name)
	}
	text := m.text()
	switch {
	case text == "" || m.name == "code": // left to the application
	case m.name == "notifyType":
		n.Type = text
	case m.name == "merchantNo":
		n.MerchantNo = text
	default:
		n.AppIDs = append(n.AppIDs, text)
	}
	return nil
}

// NotificationID returns a hash that identifies a notification by its contents: all its
// members except notifyTime and requestTime, which may change with each delivery. If the
// body is not a JSON object, the hash is over all its bytes.
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
