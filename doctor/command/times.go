package command

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// times are how long things may take that must fit together.
type times struct {
	call  time.Duration // timeout of the handler
	grace time.Duration // grace_period; 0 if Caddy waits for as long as it takes
	write time.Duration // the server's time to answer; 0 if there is no end
}

// times returns the times of a handler whose calls may take this long.
func (f foundHandler) times(call time.Duration) times {
	return times{call: call, grace: f.gracePeriod, write: f.writeTimeout}
}

// check says whether a call can be cut off: by a shutdown that waits for less time
// than it may take, or by a server that has no time left to pass the answer on.
func (t times) check() doctor.Result {
	var problems, next []string
	if t.grace > 0 && t.call >= t.grace {
		problems = append(problems, fmt.Sprintf("a shutdown gives up calls after grace_period, %v, and they may take %v", t.grace, t.call))
		next = append(next, fmt.Sprintf("set timeout below grace_period, such as timeout %v, or raise grace_period", max(t.grace*4/5, time.Millisecond)))
	}
	if t.write > 0 && t.call >= t.write {
		problems = append(problems, fmt.Sprintf("the server has %v to write the answer, and the call may take %v: the application would not learn what became of it", t.write, t.call))
		next = append(next, "raise write in the timeouts of servers above timeout, or lower timeout")
	}
	switch {
	case len(problems) > 0:
		return found("", "times", doctor.Warning, strings.Join(problems, "; "), strings.Join(next, "; "))
	case t.grace > 0:
		return found("", "times", doctor.OK, fmt.Sprintf("a call takes up to %v, and a shutdown waits for it up to %v", t.call, t.grace), "")
	default:
		return found("", "times", doctor.OK, fmt.Sprintf("a call takes up to %v, and a shutdown waits for it", t.call), "")
	}
}

// durationOf reads a duration of Caddy's JSON: nanoseconds, or a text such as 10s. It
// is 0 for anything else, which Caddy does not load.
func durationOf(value any) time.Duration {
	raw, err := json.Marshal(value)
	if err != nil {
		return 0
	}
	var duration caddy.Duration
	if err := json.Unmarshal(raw, &duration); err != nil {
		return 0
	}
	return time.Duration(duration)
}
