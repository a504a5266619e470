package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// judge compares the results of a step with what may happen in it.
func (w *world) judge(t *rapid.T, s *step) {
	arrivals, faulty := w.gateway.since(s.arrivedBefore)
	assert.Empty(t, faulty, "what the gateway got beside calls")
	entries := w.entries(s, arrivals)
	for _, a := range arrivals {
		assert.Empty(t, a.faults, "%s", a.call)
		w.judgeClock(t, s, a)
		if !s.kills {
			assert.Equal(t, 1, countOf(entries, a.digest()), "lines of the log with the digest of %s", a.call)
		}
	}
	w.judgeKeys(t, s, arrivals)
	for _, c := range s.calls {
		w.judgeCall(t, s, c, arrivalsOf(arrivals, c), entries)
	}
	w.judgeBudget(t, s, arrivals)
	w.judgeNotifications(t, s)
	if !s.ends {
		w.judgeMetrics(t)
		for _, a := range arrivals {
			if a.verified {
				w.ahead = append(w.ahead, a.ahead)
			}
		}
	}
	requireQuiet(t, s.process.SoFar())
	w.done.made += len(arrivals)
	if t.Failed() {
		w.explain(t, s, arrivals, entries)
	}
}

// logged returns the log lines of calls in this step so far.
func (s *step) logged() []entry { return entriesIn(s.process.SoFar(), "call")[s.loggedBefore:] }

// entries waits until the log has a line for each call that was answered and for each call that
// reached the gateway, and returns the lines of this step.
func (w *world) entries(s *step, arrivals []*arrival) (entries []entry) {
	limit := patience
	if s.kills {
		limit = 0 // a line that is missing now will never appear
	}
	eventually(limit, func() bool {
		entries = s.logged()
		for _, c := range s.calls {
			if c.response != nil && len(entriesOf(entries, c)) == 0 {
				return false
			}
		}
		return s.kills || !slices.ContainsFunc(arrivals, func(a *arrival) bool { return countOf(entries, a.digest()) == 0 })
	})
	return entries
}

func arrivalsOf(arrivals []*arrival, c *call) []*arrival {
	return slices.DeleteFunc(slices.Clone(arrivals), func(a *arrival) bool { return a.call != c })
}

// entriesOf returns the log lines of a call that was answered.
func entriesOf(entries []entry, c *call) []entry {
	id := c.response.header.Get("Payermax-Request-Id")
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.RequestID != id })
}

// countOf returns how many lines are about the body with this digest.
func countOf(entries []entry, digest string) (count int) {
	for _, e := range entries {
		if e.Digest == digest || slices.Contains(e.Others, digest) {
			count++
		}
	}
	return count
}

// judgeCall checks one call: what its application was told must be true, allowed, and logged.
func (w *world) judgeCall(t *rapid.T, s *step, c *call, arrivals []*arrival, entries []entry) {
	w.judgeTimes(t, s, c, arrivals)
	if c.response == nil {
		assert.True(t, s.cuts || c.vanishes, "%s: no answer", c)
		if c.mistake != nil {
			assert.Empty(t, arrivals, "%s", c)
		}
		if !s.kills && !c.vanishes {
			assert.Empty(t, arrivals, "%s: it was made, and its application is not told", c)
		}
		return
	}
	lines := entriesOf(entries, c)
	if s.kills && w.sidecar.buffered && len(lines) == 0 {
		return // the lines of the last ten milliseconds may be lost, as documented
	}
	if !assert.Len(t, lines, 1, "%s: lines of the log", c) {
		return
	}
	line := lines[0]
	told := w.told(t, c, line)
	assert.Equal(t, line.Status, c.response.status, "%s: status", c)
	assert.Equal(t, line.Code, told.code, "%s: code", c)
	w.judgeTruth(t, c, told, arrivals)
	assert.Contains(t, w.allowed(s, c, arrivals), told, "%s: how it may end; %d arrivals, after %v", c, len(arrivals), c.took)
	if c.mistake != nil && told.code == c.mistake.code {
		assert.Equal(t, c.mistake.status, c.response.status, "%s: status", c)
	}
}

// told returns what an application learns about its call. The outcome comes from the log; told
// checks that it fits the answer.
func (w *world) told(t *rapid.T, c *call, line entry) ending {
	var body struct{ Code, Msg string }
	assert.NoError(t, json.Unmarshal([]byte(c.response.body), &body), "%s: the answer %q", c, c.response.body)
	e := ending{outcome: line.Outcome}
	if strings.Contains(c.response.header.Get("Proxy-Status"), "error=") {
		e.code = body.Code
		assert.Empty(t, c.response.header["Sign"], "%s: the sidecar's own answer", c)
		assert.NotContains(t, []string{"answered", "unsigned"}, line.Outcome, "%s", c)
		assert.NotEqual(t, "APPLY_SUCCESS", body.Code, "%s", c)
	} else {
		assert.Contains(t, []string{"answered", "unsigned"}, line.Outcome, "%s", c)
	}
	for _, field := range []string{"Location", "Set-Cookie"} {
		assert.Empty(t, c.response.header[field], "%s: %s", c, field)
	}
	return e
}

// judgeTimes checks that no call is made twice. Only two kinds of repetition are allowed: with the
// next key, after PayerMax has refused the other one, and at the backup, for calls that may be
// repeated and if that is enabled.
func (w *world) judgeTimes(t *rapid.T, s *step, c *call, arrivals []*arrival) {
	if len(arrivals) < 2 {
		return
	}
	assert.True(t, c.isRepeatable(), "%s was made twice", c)
	most := 1
	if arrivals[0].refused {
		most++
		w.switched = true
		assert.NotEqual(t, arrivals[0].key, arrivals[1].key, "%s was made again with the key that was refused", c)
	}
	if w.settings.retries || s.before.retries {
		most++
	}
	assert.LessOrEqual(t, len(arrivals), most, "%s: times that it was made", c)
}

// judgeTruth checks that what an application is told is true.
func (w *world) judgeTruth(t *rapid.T, c *call, told ending, arrivals []*arrival) {
	switch told.outcome {
	case "refused", "not_sent":
		assert.Empty(t, arrivals, "%s: it was sent, and the application is told that it was not", c)
	case "answered":
		if assert.NotEmpty(t, arrivals, "%s: nobody has answered it", c) {
			assert.Contains(t, answersOf(arrivals), c.response.body, "%s: the answer that PayerMax has signed", c)
			assert.True(t, len(c.response.header["Sign"]) == 1 && verifies(&gatewayKey().PublicKey, []byte(c.response.body), c.response.header.Get("Sign")), "%s: signature", c)
		}
	case "unsigned":
		assert.NotEmpty(t, arrivals, "%s: nobody has answered it", c)
		assert.NotContains(t, c.response.body, "APPLY_SUCCESS", "%s", c)
		assert.Empty(t, c.response.header["Sign"], "%s", c)
	case "unverified":
		assert.NotEmpty(t, arrivals, "%s: nobody has answered it", c)
		assert.NotContains(t, c.response.body, c.number, "%s", c)
	case "unknown":
	default:
		assert.Fail(t, "an outcome that nobody knows", "%s: %s", c, told.outcome)
	}
}

func answersOf(arrivals []*arrival) (bodies []string) {
	for _, a := range arrivals {
		if a.answer != nil {
			bodies = append(bodies, string(a.answer))
		}
	}
	return bodies
}

// allowed returns the endings that a call may have.
func (w *world) allowed(s *step, c *call, arrivals []*arrival) []ending {
	if c.mistake != nil {
		return append([]ending{{"refused", c.mistake.code}}, w.late(c)...)
	}
	endings := []ending{c.fault.ends(c)}
	if slices.ContainsFunc(arrivals, func(a *arrival) bool { return a.refused }) {
		endings = append(endings, answered) // SIGN_VERIFY_FAILED, which PayerMax signs
		if len(arrivals) == 1 {
			endings = []ending{answered}
		}
	}
	if w.settings.rate > 0 || s.before.rate > 0 {
		endings = append(endings, ending{"refused", "TOO_MANY_REQUEST"})
	}
	if s.isolates || s.ends {
		endings = append(endings, unknown, notSent)
	}
	if w.settings.backup || s.before.backup {
		endings = append(endings, notSent) // for some time after both addresses have failed
	}
	return append(endings, w.late(c)...)
}

// late returns the additional endings of a call that took long because the machine is busy or the
// process stood still.
func (w *world) late(c *call) (endings []ending) {
	if c.took >= timeout/2 {
		endings = append(endings, overloaded)
	}
	if c.took >= timeout*8/10 {
		endings = append(endings, unknown, notSent, ending{"refused", "PARAMS_INVALID"}) // the last one if its body did not arrive in time
	}
	return endings
}

// judgeKeys checks that calls are signed with a key that was in use, and that no old key comes
// back.
func (w *world) judgeKeys(t *rapid.T, s *step, arrivals []*arrival) {
	for _, m := range w.merchants {
		keys := make(map[int]bool)
		for _, a := range arrivals {
			if a.merchant != m || a.key == none {
				continue
			}
			keys[a.key] = true
			assert.True(t, m.allowed[a.key] || s.allowedBefore[m][a.key] || a.key == m.inNext,
				"%s: signed with key %d, but those in use are %v, then %v, and the next one %d", a.call, a.key, s.allowedBefore[m], m.allowed, m.inNext)
		}
		if !s.loads && !s.ends { // otherwise the old process or config may have signed
			m.used(keys)
		}
	}
}

// judgeClock checks that requestTime is this machine's time, or PayerMax's time as given by its
// signed answers.
func (w *world) judgeClock(t *rapid.T, s *step, a *arrival) {
	const tolerance = 10 * time.Second // far less than half of any difference between the clocks
	near := func(ahead time.Duration) bool { return (a.stamped.Sub(a.at) - ahead).Abs() < tolerance }
	possible := s.recent()
	if len(possible) < enoughAnswers || !w.settings.follows || !s.before.follows {
		possible = append(possible, 0) // it need not follow, or not yet
	}
	arrivals, _ := w.gateway.since(s.arrivedBefore)
	for _, other := range arrivals {
		if other.verified {
			possible = append(possible, other.ahead)
		}
	}
	for i, ahead := range possible {
		if !w.settings.follows && !s.before.follows || ahead.Abs() < 2*time.Second || ahead.Abs() > time.Hour {
			possible[i] = 0 // a difference this small or this large is not followed
		}
	}
	assert.True(t, slices.ContainsFunc(possible, near),
		"%s: requestTime is ahead by %v, and may be by %v", a.call, a.stamped.Sub(a.at), possible)
}

// enoughAnswers is the number of answers after which one of their clocks must be the one that the
// sidecar follows. It uses the median of five, and some answers may not have arrived.
const enoughAnswers = 12

// recent returns the clock differences that the sidecar may use.
func (s *step) recent() []time.Duration {
	return slices.Clone(s.aheadBefore[max(0, len(s.aheadBefore)-enoughAnswers):])
}

// judgeBudget checks that the rate lets through exactly as many calls as configured, and refuses
// none before that.
func (w *world) judgeBudget(t *rapid.T, s *step, arrivals []*arrival) {
	refused := 0
	for _, c := range s.calls {
		if c.mistake == nil {
			w.budget.asked++
		}
		if c.response != nil && c.response.status == 429 {
			refused++
		}
	}
	if s.loads || s.ends { // part of the budget was used up before
		w.budget.asked = len(s.calls)
		return
	}
	made := make(map[*call]bool)
	for _, a := range arrivals {
		made[a.call] = true
	}
	w.budget.made += len(made)
	if w.settings.rate == 0 {
		assert.Zero(t, refused, "calls that were refused without a rate")
		return
	}
	burst := 2 * w.settings.rate
	elapsed := time.Since(w.budget.since).Seconds() + 1
	assert.LessOrEqual(t, float64(w.budget.made), float64(burst)+elapsed*float64(w.settings.rate), "calls that the rate has let through")
	if w.budget.asked <= burst {
		assert.Zero(t, refused, "calls that were refused before the burst was used up")
	}
}

// judgeMetrics checks that the metrics and the log agree, and that no resources are held for calls
// that have ended.
func (w *world) judgeMetrics(t *rapid.T) {
	assert.True(t, eventually(patience, func() bool {
		return strings.Contains(w.sidecar.get(t, "/metrics"), "\ncaddy_payermax_requests_in_flight 0\n")
	}), "requests are in flight, and nobody has made them")
	var said, counted map[string]float64
	agree := func(metric, label string, from func() map[string]float64) {
		if !eventually(patience, func() bool {
			said, counted = from(), w.sidecar.counted(t, metric, label)
			return assert.ObjectsAreEqual(said, counted)
		}) {
			assert.Equal(t, said, counted, "%s by %s: what the log says, and the metric", metric, label)
		}
	}
	agree("requests_total", "outcome", func() map[string]float64 { return sums(w.sidecar.logged("call"), outcomeOf) })
	agree("requests_total", "endpoint", func() map[string]float64 { return sums(w.sidecar.logged("call"), endpointOf) })
	agree("notifications_total", "result", func() map[string]float64 { return sums(w.sidecar.logged("notification"), resultOf) })
	if !w.switched { // then there are answers that have no line
		agree("answers_total", "result", func() map[string]float64 { return sums(w.sidecar.logged("call"), answerOf) })
	}
}

func outcomeOf(e entry) (string, float64) { return e.Outcome, 1 }
func resultOf(e entry) (string, float64)  { return e.Result, 1 }
func answerOf(e entry) (string, float64)  { return e.Answer, 1 }

func endpointOf(e entry) (string, float64) {
	if e.Endpoint == "" {
		return "other", 1
	}
	return e.Endpoint, 1
}

// sums adds up the values of log lines by key. Lines without a key are left out.
func sums(entries []entry, of func(entry) (string, float64)) map[string]float64 {
	all := make(map[string]float64)
	for _, e := range entries {
		if name, value := of(e); name != "" {
			all[name] += value
		}
	}
	return all
}

// requireQuiet checks that a process has printed no race, no panic and nothing of a request.
func requireQuiet(t *rapid.T, log testprocess.Printed) {
	for _, word := range []string{"DATA RACE", "panic", "canary-user", "PRIVATE KEY---"} {
		assert.NotContains(t, log, word)
	}
}

// explain shows the facts behind a failed judgement.
func (w *world) explain(t *rapid.T, s *step, arrivals []*arrival, entries []entry) {
	t.Logf("event: %s; settings %+v, then %+v", s.name, s.before, w.settings)
	for _, c := range s.calls {
		said := "no answer"
		if c.response != nil {
			said = fmt.Sprintf("%d %q %s", c.response.status, c.response.header.Get("Proxy-Status"), c.response.body)
		}
		t.Logf("%s: %v: %s", c, c.took, said)
	}
	for _, a := range arrivals {
		t.Logf("arrival of %s, key %d, refused %t, answer %q", a.call, a.key, a.refused, a.answer)
	}
	for _, e := range entries {
		t.Logf("line: %+v", e)
	}
	t.Logf("the end of the log:\n%s", s.process.SoFar().Tail())
}
