package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	faultHeader = "Sandbox-Fault"

	// maxFaultText is the longest list of faults, in bytes. maxLatency is the longest time that one request may be
	// delayed.
	maxFaultText = 256
	maxLatency   = 5 * time.Minute
)

// faults describes what goes wrong with one call and with the notification that it causes.
type faults struct {
	// text is the list that the faults were parsed from.
	text string

	// front, when not nil, returns the answer of a proxy in front of the gateway, which replaces the gateway's own.
	front func() reply

	// code, when not empty, is the code that the request is refused with.
	code string

	skew, dateSkew, latency time.Duration

	// spoils change the answer, in this order.
	spoils []func(*Gateway, *reply)

	dropNotification, duplicateNotification, oddTime bool

	// notificationSign, when not nil, changes the notification's signature.
	notificationSign func(g *Gateway, body []byte) string
}

// faultKinds holds the faults by name. Each function parses the value after the equals sign, which is empty if there is
// none, into f.
var faultKinds = map[string]func(f *faults, value string) error{
	"throttle": flag(func(f *faults) { f.code = codeTooManyRequest }),
	"code": func(f *faults, value string) error {
		if !faultCodeShape.MatchString(value) {
			return errors.New("needs a code in capitals, such as SYSTEM_ERROR")
		}
		f.code = value
		return nil
	},
	"status": func(f *faults, value string) error {
		status, err := readStatus(value)
		f.front = func() reply { return plain(status) }
		return err
	},
	"html": func(f *faults, value string) (err error) {
		status := http.StatusOK
		if value != "" {
			status, err = readStatus(value)
		}
		f.front = func() reply { return htmlPage(status) }
		return err
	},
	"clock-skew": func(f *faults, value string) (err error) {
		f.skew, err = time.ParseDuration(value)
		return err
	},
	"date-skew": func(f *faults, value string) (err error) {
		f.dateSkew, err = time.ParseDuration(value)
		return err
	},
	"latency": func(f *faults, value string) (err error) {
		f.latency, err = time.ParseDuration(value)
		if err == nil && (f.latency < 0 || f.latency > maxLatency) {
			err = fmt.Errorf("must be from 0 to %s", maxLatency)
		}
		return err
	},
	"reset":             spoil(func(_ *Gateway, a *reply) { *a = reply{reset: true} }),
	"wrong-signature":   spoil(func(g *Gateway, a *reply) { a.sign = signOther(g, a.body) }),
	"missing-signature": spoil(func(_ *Gateway, a *reply) { a.sign = "" }),
	"truncate":          spoil(func(_ *Gateway, a *reply) { a.body = a.body[:len(a.body)/2] }),
	"garbage":           spoil(signGarbage),
	"empty":             spoil(func(_ *Gateway, a *reply) { a.body, a.length = nil, 0 }),

	"drop-notification":            flag(func(f *faults) { f.dropNotification = true }),
	"duplicate-notification":       flag(func(f *faults) { f.duplicateNotification = true }),
	"odd-notification-time":        flag(func(f *faults) { f.oddTime = true }),
	"wrong-notification-signature": flag(func(f *faults) { f.notificationSign = signOther }),
	"missing-notification-signature": flag(func(f *faults) {
		f.notificationSign = func(*Gateway, []byte) string { return "" }
	}),
}

// faultNames lists the names, for the error about an unknown one.
var faultNames = strings.Join(slices.Sorted(maps.Keys(faultKinds)), ", ")

// faultExamples has each fault once, with a value where it needs one, for the live page.
var faultExamples = []string{
	"wrong-signature", "missing-signature", "latency=2s", "reset", "truncate", "garbage", "empty", "status=503", "html",
	"throttle", "code=SYSTEM_ERROR", "clock-skew=5m", "date-skew=5m", "drop-notification", "duplicate-notification",
	"odd-notification-time", "wrong-notification-signature", "missing-notification-signature",
}

var faultCodeShape = regexp.MustCompile(`^[A-Z_]{1,64}$`)

// flag returns the parser of a fault that takes no value.
func flag(set func(*faults)) func(*faults, string) error {
	return func(f *faults, value string) error {
		if value != "" {
			return errors.New("takes no value")
		}
		set(f)
		return nil
	}
}

// spoil returns the parser of a fault that changes the answer and takes no value.
func spoil(change func(*Gateway, *reply)) func(*faults, string) error {
	return flag(func(f *faults) { f.spoils = append(f.spoils, change) })
}

// parseFaults parses a list of faults, such as "latency=2s, wrong-signature".
func parseFaults(list string) (faults, error) {
	f := faults{text: list}
	if len(list) > maxFaultText {
		return f, fmt.Errorf("more than %d characters", maxFaultText)
	}
	for one := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		set, known := faultKinds[name]
		if !known {
			return f, fmt.Errorf("%q is not one of %s", name, faultNames)
		}
		if err := set(&f, value); err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
	}
	return f, nil
}

// readStatus parses the HTTP status of a refusal.
func readStatus(value string) (int, error) {
	status, err := strconv.Atoi(value)
	if err != nil || status < 400 || status > 599 {
		return 0, errors.New("needs a status from 400 to 599")
	}
	return status, nil
}

// htmlPage returns the page that a proxy or a firewall sends in place of an answer.
func htmlPage(status int) reply {
	body := []byte("<!DOCTYPE html>\n<html><head><title>" + http.StatusText(status) + "</title></head>" +
		"<body><h1>" + http.StatusText(status) + "</h1></body></html>\n")
	return reply{status: status, contentType: htmlType, body: body, length: len(body)}
}

// signOther returns a signature by the gateway's key of bytes other than body.
func signOther(g *Gateway, body []byte) string {
	signature, _ := sign(g.key, append(slices.Clone(body), ' ')) // the key has signed body before
	return signature
}

// signGarbage replaces the answer with bytes that are neither JSON nor UTF-8, correctly signed.
func signGarbage(g *Gateway, a *reply) {
	a.body = []byte("{\"code\":\"APPLY_SUCCESS\",\x00\xff\xfe")
	a.length = len(a.body)
	a.sign, _ = sign(g.key, a.body) // as above
}

// strike returns the answer with the faults applied.
func (f faults) strike(g *Gateway, answer reply) reply {
	answer.dateSkew = f.dateSkew
	for _, change := range f.spoils {
		change(g, &answer)
	}
	return answer
}

// spoilNotification returns the signature that a notification is sent with.
func (f faults) spoilNotification(g *Gateway, body []byte, signature string) string {
	if f.notificationSign != nil {
		return f.notificationSign(g, body)
	}
	return signature
}

// wait delays an answer by d, or until the client has gone or the gateway is closed.
func wait(client, gateway context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	ctx, cancel := context.WithCancel(client)
	defer cancel()
	defer context.AfterFunc(gateway, cancel)()
	sleep(ctx, d)
}
