package envelope

import (
	"bytes"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// requestTimeLayout is the form of requestTime in PayerMax's own examples: exactly three
// fraction digits and a numeric offset. Layouts with .999 or Z07:00 would drop zeros or
// write Z, a mistake that other clients make.
const requestTimeLayout = "2006-01-02T15:04:05.000-07:00"

// Identity says who makes the call and with which API version. It has the members of the
// envelope that the sidecar writes.
type Identity struct {
	// Version is the endpoint's API version, such as "1.5".
	Version string
	// KeyVersion is the version of the signature algorithm; PayerMax documents only "1".
	KeyVersion string
	// AppID is the merchant application that the signing key belongs to.
	AppID string
	// MerchantNo is the merchant number. If it is empty, the application's own value is
	// kept.
	MerchantNo string
	// SPMerchantNo is the service provider's own merchant number, for providers who call
	// on behalf of MerchantNo. If it is empty, the application's own value is kept.
	SPMerchantNo string
}

// Check returns an error for each member in which the application identifies itself
// differently from id. Replacing such a member silently would sign a payment for a
// merchant that the application did not mean. A member that is absent, null or empty
// claims nothing.
func (e *Envelope) Check(id Identity) []*Error {
	var found []*Error
	for _, m := range e.members {
		switch m.name {
		case "appId", "merchantAppId": // merchantAppId is the name of appId in version 1.0
			found = appendMismatch(found, m, id.AppID)
		case "merchantNo":
			if id.MerchantNo != "" {
				found = appendMismatch(found, m, id.MerchantNo)
			} else if problem := checkMerchantNo(m); problem != nil {
				found = append(found, problem)
			}
		case "spMerchantNo":
			if id.SPMerchantNo != "" {
				found = appendMismatch(found, m, id.SPMerchantNo)
			} else if problem := checkMerchantNo(m); problem != nil {
				found = append(found, problem)
			}
		}
	}
	return found
}

// MerchantNo returns the application's own merchantNo, or "" if it is absent or not a
// string.
func (e *Envelope) MerchantNo() string {
	for _, m := range e.members {
		if m.name == "merchantNo" {
			return m.text()
		}
	}
	return ""
}

// Fill returns the call's body: first the members of id and requestTime, in the order of
// PayerMax's examples, then the application's other members, then data, byte for byte.
// The application's own version, keyVersion, requestTime and appId are replaced, whatever
// they are.
//
// The time is written in UTC, regardless of the machine's time zone.
func (e *Envelope) Fill(id Identity, requestTime time.Time) []byte {
	out := make([]byte, 0, e.size()+256)
	out = append(out, `{"version":`...)
	out = appendString(out, id.Version)
	out = append(out, `,"keyVersion":`...)
	out = appendString(out, id.KeyVersion)
	out = append(out, `,"requestTime":"`...)
	out = requestTime.UTC().AppendFormat(out, requestTimeLayout)
	out = append(out, `","appId":`...)
	out = appendString(out, id.AppID)
	if id.MerchantNo != "" {
		out = append(out, `,"merchantNo":`...)
		out = appendString(out, id.MerchantNo)
	}
	if id.SPMerchantNo != "" {
		out = append(out, `,"spMerchantNo":`...)
		out = appendString(out, id.SPMerchantNo)
	}
	for _, m := range e.members {
		if id.owns(m.name) {
			continue
		}
		out = append(out, ',')
		out = appendString(out, m.name)
		out = append(out, ':')
		out = append(out, m.value...)
	}
	out = append(out, `,"data":`...)
	out = append(out, e.data...)
	return append(out, '}')
}

// owns reports whether the member is written from id rather than copied from the
// application. merchantAppId is the name of appId in version 1.0, and old SDKs send both.
func (id Identity) owns(name string) bool {
	switch name {
	case "version", "keyVersion", "requestTime", "appId", "merchantAppId":
		return true
	case "merchantNo":
		return id.MerchantNo != ""
	case "spMerchantNo":
		return id.SPMerchantNo != ""
	default:
		return false
	}
}

// size returns how many bytes of the filled envelope are copied from the application.
func (e *Envelope) size() int {
	size := len(e.data)
	for _, m := range e.members {
		size += len(m.name) + len(m.value) + len(`"":,`)
	}
	return size
}

// appendMismatch adds an error if m claims a value other than want.
func appendMismatch(found []*Error, m member, want string) []*Error {
	if m.claimsNothing() || m.text() == want {
		return found
	}
	return append(found, &Error{Field: "/" + m.name, Rule: "mismatch", Message: fmt.Sprintf(
		"%s differs from the one that this sidecar signs for; leave it out: the sidecar adds it", m.name)})
}

// checkMerchantNo checks an application's own merchantNo or spMerchantNo by the field
// table. It refuses a number, because some parsers would drop digits.
func checkMerchantNo(m member) *Error {
	switch {
	case m.value.Kind() == 'n':
		return nil
	case m.value.Kind() != '"':
		return &Error{Field: "/" + m.name, Rule: "type", Message: m.name + " must be a string, but is " + describe(m.value.Kind())}
	case utf8.RuneCountInString(m.text()) > MaxMerchantNo:
		return &Error{Field: "/" + m.name, Rule: "maxLength", Message: fmt.Sprintf(
			"%s must be at most %d characters long", m.name, MaxMerchantNo)}
	}
	return nil
}

// claimsNothing reports whether the member is null or an empty string.
func (m member) claimsNothing() bool { return claimsNothing(m.value) }

// claimsNothing reports whether a value is null or an empty string.
func claimsNothing(value jsontext.Value) bool {
	return value.Kind() == 'n' || bytes.Equal(value, []byte(`""`))
}

// text returns the member's value, unescaped, or "" if it is not a string.
func (m member) text() string { return textOf(m.value) }

// textOf returns a value, unescaped, or "" if it is not a string.
func textOf(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return string(text)
}

// appendString appends s as a JSON string. Read and the configuration accept only valid
// UTF-8, so quoting cannot fail.
func appendString(out []byte, s string) []byte {
	out, _ = jsontext.AppendQuote(out, s)
	return out
}

// knownMembers are the members of the envelope itself.
var (
	knownMembers = []string{
		"version", "keyVersion", "requestTime", "appId", "merchantAppId", "merchantNo", "spMerchantNo", "data",
	}
	knownNames = lookalike.NewNames(knownMembers...)
)

// lookAlike returns the member of the envelope that a parser could mistake name for. It
// returns "" if there is none, or if name is exactly that member. PayerMax could read an
// additional "AppId" in place of the appId that was checked and filled in.
func lookAlike(name string) string {
	if i, ok := knownNames.Find([]byte(name)); ok && knownMembers[i] != name {
		return knownMembers[i]
	}
	return ""
}
