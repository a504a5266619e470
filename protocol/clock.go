package protocol

import "time"

const (
	// RequestTimeTolerance is how far requestTime may be from PayerMax's clock, on either
	// side. PayerMax refuses requests outside it with [CodeRequestTimeOver] (every interface
	// page: "within two minutes of the current time").
	RequestTimeTolerance = 2 * time.Minute

	// ClockWarning is the clock skew at which warnings begin. It lies within the tolerance,
	// since a request itself needs some of that time.
	ClockWarning = RequestTimeTolerance / 4
	// ClockAlarm is the skew at which calls are about to be refused.
	ClockAlarm = RequestTimeTolerance * 3 / 4
	// ClockLimit is the skew beyond which the gateway's clock is not followed. A skew that
	// large is a mistake rather than drift, and not necessarily ours.
	ClockLimit = time.Hour
)
