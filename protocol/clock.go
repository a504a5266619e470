package protocol

import "time"

const (
	// RequestTimeTolerance is how far requestTime may be from PayerMax's clock, on
	// either side. What is further off is refused with [CodeRequestTimeOver] (every
	// interface page: "within two minutes of the current time").
	RequestTimeTolerance = 2 * time.Minute

	// ClockWarning and ClockAlarm are the skews of a clock to complain about. They
	// lie within the tolerance, since a request needs some of that time itself.
	ClockWarning = RequestTimeTolerance / 4
	// ClockAlarm is the skew at which calls are about to be refused.
	ClockAlarm = RequestTimeTolerance * 3 / 4
	// ClockLimit is the skew beyond which the gateway's clock is not followed: that is a
	// mistake rather than a drift, and not necessarily ours.
	ClockLimit = time.Hour
)
