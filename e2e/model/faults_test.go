package model

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// poison is how far the clock of every forged answer is ahead. No call may follow it.
const poison = 45 * time.Minute

// reply is an answer of the gateway.
type reply struct {
	status     int
	body       string
	signatures []string
	location   string
	ahead      time.Duration

	passes bool          // whether the sidecar passes it on as an answer of PayerMax
	stalls bool          // stalls instead of answering
	resets bool          // resets the connection instead of answering
	cut    int           // number of bytes missing at the end
	delay  time.Duration // before it is written
}

func (r *reply) signAs(key *rsa.PrivateKey) {
	r.signatures = append(r.signatures, sign(key, []byte(r.body)))
	r.passes = len(r.signatures) == 1 && r.verifies()
}

// verifies reports whether the answer has exactly one signature, and it is PayerMax's.
func (r *reply) verifies() bool {
	return len(r.signatures) == 1 && verifies(&gatewayKey().PublicKey, []byte(r.body), r.signatures[0])
}

func (r *reply) bytes() []byte {
	var out strings.Builder
	ahead := r.ahead
	if !r.verifies() {
		ahead = poison
	}
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\nDate: %s\r\n",
		r.status, http.StatusText(r.status), len(r.body), time.Now().Add(ahead).UTC().Format(http.TimeFormat))
	for _, signature := range r.signatures {
		out.WriteString("sign: " + signature + "\r\n")
	}
	if r.location != "" {
		out.WriteString("Location: " + r.location + "\r\nSet-Cookie: a=b\r\n")
	}
	return []byte(out.String() + "\r\n" + r.body)
}

// ending is how a call ends: the outcome in the log's terms, and the code of the answer, or "" for
// the gateway's code.
type ending struct{ outcome, code string }

// The endings of calls that were sent.
var (
	answered   = ending{"answered", ""}
	unsigned   = ending{"unsigned", ""}
	withheld   = ending{"unverified", "CHECK_SIGN_ERROR"}
	unknown    = ending{"unknown", "REQUEST_TIMEOUT"}
	notSent    = ending{"not_sent", "SYSTEM_ERROR"}
	overloaded = ending{"refused", "SYSTEM_ERROR"}
)

// fault is what the gateway does with a call, whose answer would otherwise be a success.
type fault struct {
	name   string
	answer func(*reply, *call)
	ends   func(*call) ending
}

func always(e ending) func(*call) ending { return func(*call) ending { return e } }

// unlessRepeatable returns how a call ends, depending on whether it may be repeated without harm.
func unlessRepeatable(e, repeatable ending) func(*call) ending {
	return func(c *call) ending {
		if c.isRepeatable() {
			return repeatable
		}
		return e
	}
}

const (
	documented = `{"code":"ORDER_NOT_EXIST","msg":"There is no order of that number."}`
	unheardOf  = `{"code":"BLOCKED_BY_WAF","msg":"Go away."}`
)

// faults lists everything that the gateway does, starting with correct answers.
var faults = []fault{
	{"success", func(r *reply, _ *call) { r.signAs(gatewayKey()) }, always(answered)},
	{"late success", func(r *reply, _ *call) { r.signAs(gatewayKey()); r.delay = 200 * time.Millisecond }, always(answered)},
	{"signed refusal", func(r *reply, _ *call) { r.body = documented; r.signAs(gatewayKey()) }, always(answered)},
	{"refusal without a signature", func(r *reply, _ *call) { r.body = documented }, always(unsigned)},
	{"unknown refusal without a signature", func(r *reply, _ *call) { r.body = unheardOf }, unlessRepeatable(unknown, unsigned)},
	{"503 without a signature", func(r *reply, _ *call) { r.status, r.body = 503, documented }, unlessRepeatable(unknown, unsigned)},
	{"success without a signature", func(*reply, *call) {}, always(withheld)},
	{"success of a stranger", func(r *reply, _ *call) { r.signAs(strangersKey()) }, always(withheld)},
	{"two signatures", func(r *reply, _ *call) { r.signAs(gatewayKey()); r.signAs(strangersKey()) }, always(withheld)},
	{"changed after signing", func(r *reply, _ *call) {
		r.signAs(gatewayKey())
		r.body = strings.Replace(r.body, "Success.", "success.", 1)
		r.passes = false
	}, always(withheld)},
	{"success with status 500", func(r *reply, _ *call) { r.status = 500; r.signAs(gatewayKey()); r.passes = false }, always(withheld)},
	{"redirect", func(r *reply, _ *call) {
		r.status, r.location = 307, "http://127.0.0.1:1/"
		r.signAs(gatewayKey())
		r.passes = false
	}, always(withheld)},
	{"notification", func(r *reply, _ *call) {
		r.body = strings.Replace(r.body, `{"code"`, `{"notifyType":"PAYMENT","code"`, 1)
		r.signAs(gatewayKey())
		r.passes = false
	}, always(withheld)},
	{"page", func(r *reply, _ *call) { r.status, r.body = 502, "<html>Bad Gateway</html>" }, always(withheld)},
	{"two codes", func(r *reply, _ *call) {
		r.body = strings.Replace(r.body, `{"code"`, `{"code":"ORDER_NOT_EXIST","code"`, 1)
		r.signAs(gatewayKey())
		r.passes = false
	}, always(withheld)},
	{"of another call", func(r *reply, c *call) {
		if c.echoes() {
			r.body = strings.ReplaceAll(r.body, c.number, "model_0_")
			r.signAs(gatewayKey())
			r.passes = false
			return
		}
		r.signAs(gatewayKey())
	}, func(c *call) ending {
		if c.echoes() {
			return withheld
		}
		return answered
	}},
	{"large success", func(r *reply, _ *call) {
		r.body = strings.Replace(r.body, `"Success."`, `"Success.`+strings.Repeat(" ", 300<<10)+`"`, 1)
		r.signAs(gatewayKey())
	}, always(answered)},
	{"too large", func(r *reply, _ *call) {
		r.body += strings.Repeat(" ", 1<<20)
		r.signAs(gatewayKey())
		r.passes = false
	}, always(unknown)},
	{"reset", func(r *reply, _ *call) { r.resets = true }, always(unknown)},
	{"cut in the body", func(r *reply, _ *call) { r.signAs(gatewayKey()); r.cut = 10 }, always(unknown)},
	{"cut in the header", func(r *reply, _ *call) { r.signAs(gatewayKey()); r.cut = len(r.body) + 20 }, always(unknown)},
	{"silence", func(r *reply, _ *call) { r.stalls = true }, always(unknown)},
}
