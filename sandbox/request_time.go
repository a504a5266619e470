package sandbox

import (
	"regexp"
	"time"
)

// requestTimeWindow is how far requestTime may be from the gateway's clock, before or after it: "The time must be
// within two minutes of the current time" (requestTime on every interface page).
const requestTimeWindow = 2 * time.Minute

// requestTimeShape is PayerMax's yyyy-MM-dd'T'HH:mm:ss.SSSXXX to the letter. [time.Parse] alone would also take an hour
// of one digit and a comma before the fraction.
var requestTimeShape = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$`)

// checkRequestTime refuses a requestTime that is not written as documented or too far from now.
func checkRequestTime(text string, now time.Time) *refusal {
	t, err := time.Parse("2006-01-02T15:04:05.000Z07:00", text)
	if err != nil || !requestTimeShape.MatchString(text) {
		return wrongType("requestTime", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", text)
	}
	if now.Sub(t).Abs() > requestTimeWindow {
		return refuse(codeReqTimeOverTime)
	}
	return nil
}
