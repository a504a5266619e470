package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func askAt(t *testing.T, requestTime string) result {
	t.Helper()
	return ask(t, strictGateway(t), strings.Replace(validBody, "2022-01-17T09:05:52.194+00:00", requestTime, 1))
}

// The gateway's clock is fixed at 2022-01-17T09:05:52.194Z.
func TestRequestTimeWindow(t *testing.T) {
	for requestTime, ok := range map[string]bool{
		"2022-01-17T09:05:52.194+00:00": true,
		"2022-01-17T09:05:52.194Z":      true,
		"2022-01-17T17:05:52.194+08:00": true,
		"2022-01-17T07:05:52.194-02:00": true,
		"2022-01-18T00:05:52.194+15:00": true,
		"2022-01-17T14:35:52.194+05:30": true,

		// exactly two minutes, and one millisecond more
		"2022-01-17T09:03:52.194+00:00": true,
		"2022-01-17T09:03:52.193+00:00": false,
		"2022-01-17T09:07:52.194+00:00": true,
		"2022-01-17T09:07:52.195+00:00": false,
		"2022-01-17T17:03:52.194+08:00": true,
		"2022-01-17T17:03:52.193+08:00": false,
		"2022-01-17T07:07:52.194-02:00": true,
		"2022-01-17T07:07:52.195-02:00": false,

		// local time sent as UTC, and years that a duration cannot span
		"2022-01-17T17:05:52.194Z":      false,
		"2022-01-17T09:05:52.194+08:00": false,
		"0000-01-01T00:00:00.000Z":      false,
		"9999-12-31T23:59:59.999Z":      false,
	} {
		t.Run(requestTime, func(t *testing.T) {
			res := askAt(t, requestTime)
			if ok {
				assert.Equal(t, "APPLY_SUCCESS", res.Code)
				return
			}
			assertRefused(t, res, "REQ_TIME_OVER_TIME", "requestTime effective in two minutes")
		})
	}
}

func TestRequestTimeWindowMovesWithTheClock(t *testing.T) {
	g := newGateway(t)
	for offset, code := range map[time.Duration]string{
		0:                                "APPLY_SUCCESS",
		2 * time.Minute:                  "APPLY_SUCCESS",
		-2 * time.Minute:                 "APPLY_SUCCESS",
		2*time.Minute + time.Nanosecond:  "REQ_TIME_OVER_TIME",
		-2*time.Minute - time.Nanosecond: "REQ_TIME_OVER_TIME",
	} {
		g.Clock = func() time.Time { return testNow.Add(offset).In(time.FixedZone("", 8*3600)) }
		assert.Equal(t, code, ask(t, g, validBody).Code, "%s", offset)
	}
}

func TestRequestTimeFormat(t *testing.T) {
	for _, requestTime := range []string{
		"2022-01-17 09:05:52",
		"2022-01-17T09:05:52Z",
		"2022-01-17T09:05:52.19Z",
		"2022-01-17T09:05:52.1940Z",
		"2022-01-17T09:05:52,194Z",
		"2022-01-17T09:05:52.194",
		"2022-01-17T09:05:52.194+0000",
		"2022-01-17T09:05:52.194 +00:00",
		"2022-01-17T09:05:52.194+00",
		"2022-01-17T9:05:52.194Z",
		"2022-01-17t09:05:52.194z",
		"2022-02-30T09:05:52.194Z",
		"2022-01-17T24:05:52.194Z",
		"2022-01-17T09:05:60.194Z",
		" 2022-01-17T09:05:52.194Z",
		"2022-01-17T09:05:52.194+99:00",
		"1642410352194",
	} {
		t.Run(requestTime, func(t *testing.T) {
			assertRefused(t, askAt(t, requestTime), "PARAMS_INVALID",
				"requestTime must be yyyy-MM-dd'T'HH:mm:ss.SSSXXX , but your input is "+requestTime+".")
		})
	}
}
