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

// times are how long things may take that must fit together.
type times struct {
	call  time.Duration // timeout of the handler
	grace time.Duration // grace_period; 0 if Caddy waits for as long as it takes
	write time.Duration // the server's time to answer; 0 if there is no end
	delay time.Duration // shutdown_delay, for which it goes on serving
}

// ending is what Caddy takes to end after its grace period, at most.
const ending = time.Second

// times returns the times of a handler whose calls may take this long.
func (f foundHandler) times(call time.Duration) times {
	return times{call: call, grace: f.gracePeriod, write: f.writeTimeout, delay: f.shutdownDelay}
}

// check says whether a call can be cut off: by a shutdown that waits for less time
// than it may take, or by a server that has no time left to pass the answer on.
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

// shutdown returns how long it takes from SIGTERM to the end, at most.
func (t times) shutdown() time.Duration {
	if t.grace > 0 {
		return t.delay + t.grace + ending
	}
	return t.delay + t.call + ending
}

// checkTermination says whether the process is killed before a shutdown is over. granted
// is the time that it has from SIGTERM on, or 0 if that is not known.
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

// termination reads the time that a process has between SIGTERM and SIGKILL, as the
// flag or the environment has it: a duration, or seconds as Kubernetes writes them.
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
