package sandbox

import (
	"fmt"
	"regexp"
	"time"
)

// requestTimeWindow is how far requestTime may be before or after the gateway's clock: "The time must be within two
// minutes of the current time" (requestTime on every interface page).
const requestTimeWindow = 2 * time.Minute

// requestTimeShape matches PayerMax's yyyy-MM-dd'T'HH:mm:ss.SSSXXX with any number of fraction digits up to three.
// [time.Parse] alone would also accept a one-digit hour and a comma before the fraction.
var requestTimeShape = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,3}))?(?:Z|[+-]\d\d:\d\d)$`)

// checkRequestTime refuses a requestTime that is not in the documented format or too far from now. PayerMax's Go SDK
// drops trailing zeros of the milliseconds, and the point too if no digits are left.
func checkRequestTime(text string, now time.Time, d *deviations) *refusal {
	parts := requestTimeShape.FindStringSubmatch(text)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || parts == nil ||
		len(parts[1]) != 3 && !d.allow(fmt.Sprintf("requestTime has %d of 3 fraction digits", len(parts[1]))) {
		return wrongType("requestTime", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", text)
	}
	if now.Sub(t).Abs() > requestTimeWindow {
		return refuse(codeReqTimeOverTime)
	}
	return nil
}
