package command

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// times are timeouts that must fit together.
type times struct {
	call  time.Duration // timeout of the handler
	grace time.Duration // grace_period; 0 if Caddy waits without limit
	write time.Duration // write timeout of the server; 0 if there is none
	delay time.Duration // shutdown_delay, during which Caddy goes on serving
}

// ending is how long Caddy takes at most to exit after its grace period.
const ending = time.Second

// times returns the times of a handler whose calls may take up to call.
func (f foundHandler) times(call time.Duration) times {
	return times{call: call, grace: f.gracePeriod, write: f.writeTimeout, delay: f.shutdownDelay}
}

// check reports whether a call can be cut off: by a shutdown that does not wait long
// enough, or by a server whose write timeout leaves no time to pass the answer on.
func (t times) check() doctor.Result {
	var problems, next []string
	if t.grace > 0 && t.call >= t.grace {
		problems = append(problems, fmt.Sprintf("a shutdown abandons calls after grace_period, %v, but a call may take %v", t.grace, t.call))
		next = append(next, fmt.Sprintf("set timeout below grace_period, such as timeout %v, or raise grace_period", max(t.grace*4/5, time.Millisecond)))
	}
	if t.write > 0 && t.call >= t.write {
		problems = append(problems, fmt.Sprintf("the server has %v to write the answer, but a call may take %v, so the application would not get its answer", t.write, t.call))
		next = append(next, "raise write in the timeouts of the servers option above timeout, or lower timeout")
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

// shutdown returns how long a shutdown takes at most, from SIGTERM to the exit.
func (t times) shutdown() time.Duration {
	if t.grace > 0 {
		return t.delay + t.grace + ending
	}
	return t.delay + t.call + ending
}

// checkTermination reports whether the process is killed before a shutdown is over.
// granted is the time between SIGTERM and SIGKILL, or 0 if that is not known.
func (t times) checkTermination(granted time.Duration) []doctor.Result {
	takes := fmt.Sprintf("a shutdown takes up to %v", t.shutdown())
	switch {
	case granted == 0:
		return nil
	case t.shutdown() < granted:
		return []doctor.Result{found("", "termination", doctor.OK, fmt.Sprintf("%s, and the sidecar has %v", takes, granted), "")}
	}
	return []doctor.Result{found("", "termination", doctor.Warning,
		fmt.Sprintf("%s, but the sidecar is killed after %v, which loses the calls under way and their log lines", takes, granted),
		fmt.Sprintf("raise terminationGracePeriodSeconds, or TimeoutStopSec of systemd, above %v, or lower shutdown_delay and grace_period", t.shutdown()))}
}

// termination parses the time that a process has between SIGTERM and SIGKILL, from the
// flag or else the environment: a duration, or a number of seconds as in Kubernetes.
func termination(flag string, getenv func(string) string) (time.Duration, error) {
	name, value := "--termination-grace-period", flag
	if value == "" {
		name, value = terminationVariable, getenv(terminationVariable)
	}
	if value == "" {
		return 0, nil
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	duration, err := caddy.ParseDuration(value)
	if err != nil || duration < 0 {
		return 0, fmt.Errorf("%s is %q, but must be a duration such as 60s or a number of seconds", name, value)
	}
	return duration, nil
}

// terminationVariable is the environment variable that has the pod's
// terminationGracePeriodSeconds.
const terminationVariable = "PAYERMAX_TERMINATION_GRACE_PERIOD"

// durationOf decodes a duration in Caddy's JSON: nanoseconds, or a string such as 10s. It
// returns 0 for anything else, which Caddy does not load.
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
