package doctor

import (
	"context"
	"net/http"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// checkClock compares this machine's clock with the gateway's, which the Date header of
// an answer shows. The request contains no secret. checkClock also returns the header of
// the answer, or nil.
func checkClock(ctx context.Context, g Gateway) (clock Result, header http.Header) {
	const name = "clock"
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, g.URL+"/", nil)
	if err != nil {
		return notChecked(name, "the gateway's URL is invalid"), nil
	}
	request.Header.Set("User-Agent", protocol.SidecarName)
	began := time.Now()
	answer, err := g.client().Do(request)
	if err != nil {
		return notChecked(name, "a HEAD request, which would show the gateway's time, got no answer: %s", exchangeFailure(err)), nil
	}
	answer.Body.Close()
	arrived := time.Now()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return notChecked(name, "the gateway's answers have no valid Date header"), answer.Header
	}
	// The answer was dated between began and arrived, and truncated to seconds.
	middle := began.Add(arrived.Sub(began) / 2)
	return judgeSkew(date.Add(500*time.Millisecond).Sub(middle), g.FollowsClock), answer.Header
}

// judgeSkew explains what it means if the gateway's clock is ahead of this machine's by
// skew.
func judgeSkew(skew time.Duration, follows bool) Result {
	const (
		name = "clock"
		rule = "PayerMax refuses a requestTime that is more than two minutes off (REQ_TIME_OVER_TIME)"
		next = "synchronise this machine's clock (NTP), or see follow_gateway_clock"
	)
	direction := "behind the gateway's"
	if skew < 0 {
		direction = "ahead of the gateway's"
	}
	size := skew.Abs().Round(time.Second)
	switch {
	case size >= protocol.RequestTimeTolerance && size <= protocol.ClockLimit && follows:
		return warning(name, "this machine's clock is %s %s; %s, and follow_gateway_clock uses signed answers only, which these refusals may not be", size, direction, rule).
			then("synchronise this machine's clock (NTP)")
	case size >= protocol.ClockWarning && size <= protocol.ClockLimit && follows:
		return warning(name, "this machine's clock is %s %s; %s, but follow_gateway_clock is on", size, direction, rule).
			then("synchronise this machine's clock (NTP)")
	case size > protocol.ClockLimit:
		return problem(name, "this machine's clock is %s %s; %s", size, direction, rule).
			then("synchronise this machine's clock (NTP): follow_gateway_clock corrects at most an hour")
	case size >= protocol.ClockAlarm:
		return problem(name, "this machine's clock is %s %s; %s", size, direction, rule).then(next)
	case size >= protocol.ClockWarning:
		return warning(name, "this machine's clock is %s %s; %s", size, direction, rule).then(next)
	case size <= time.Second:
		return ok(name, "this machine's clock agrees with the gateway's; %s", rule)
	}
	return ok(name, "this machine's clock is %s %s; %s", size, direction, rule)
}
