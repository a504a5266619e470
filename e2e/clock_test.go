package e2e

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// When the gateway's clock jumps, only two things change: what is reported about the clock, and
// requestTime, if it is to follow. It follows by at most an hour, because a larger difference is
// not drift. If this machine's own clock jumps, only that difference jumps; everything else uses
// monotonic time.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url(), options: "follow_gateway_clock"})

	for _, test := range []struct {
		date    string        // the Date header of the gateway's answers, if not derived from ahead
		ahead   time.Duration // how far its clock is ahead of ours
		follows time.Duration // how far requestTime follows
	}{
		{"", 0, 0},
		{"", 3 * time.Hour, 0},
		{"", 40 * time.Minute, 40 * time.Minute},
		{"", -40 * time.Minute, -40 * time.Minute},
		{"yesterday", -40 * time.Minute, -40 * time.Minute},
		{"", -3 * time.Hour, 0},
		{"", 0, 0},
	} {
		t.Run(fmt.Sprintf("%s%v", test.date, test.ahead), func(t *testing.T) {
			gateway.answers(func(conn net.Conn, r *request) bool {
				date := test.date
				if date == "" {
					date = time.Now().Add(test.ahead).UTC().Format(http.TimeFormat)
				}
				return answerWith(message("200 OK", success, typeJSON, signField(success), "Date: "+date))(conn, r)
			})
			for range 3 { // more than half of the samples that count
				requireSuccess(t, s.post(t, validBody()))
			}
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			requireSuccess(t, res)
			s.requireLogged(t, res, "answered")
			calls := gateway.about(user)
			require.Len(t, calls, 1)
			stamped, err := time.Parse(time.RFC3339, readEnvelope(t, calls[0]).RequestTime)
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now().Add(test.follows), stamped, 10*time.Second)

			_, shown := healthOf(t, health+"/readyz")
			assert.Equal(t, "ok", shown.Status)
			assert.InDelta(t, test.ahead.Seconds(), shown.ClockSkew, 10)
		})
	}
	for _, line := range [][]string{{`"level":"error"`, "PayerMax will refuse calls with REQ_TIME_OVER_TIME"}, {`"level":"info"`, "agrees with the gateway's again"}} {
		s.Prints(t, 1, line...)
	}
}

// If a clock is wrong from the start, every call is refused. The sidecar follows the gateway's
// clock from the first refusal on if PayerMax signs it. If the refusal is not signed, nobody knows
// whose clock it shows: calls continue to be refused, and the doctor says what time it is there.
func TestClockThatIsWrongFromTheStart(t *testing.T) {
	t.Parallel()
	const ahead = 10 * time.Minute
	const refused = `{"code":"REQ_TIME_OVER_TIME","msg":"requestTime effective in two minutes"}`
	for name, isSigned := range map[string]bool{"signed refusals": true, "unsigned refusals": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			gateway.answers(func(conn net.Conn, r *request) bool {
				now := time.Now().Add(ahead)
				date := "Date: " + now.UTC().Format(http.TimeFormat)
				stamped, err := time.Parse(time.RFC3339, readEnvelope(t, r).RequestTime)
				switch {
				case err == nil && now.Sub(stamped).Abs() < 2*time.Minute:
					return answerWith(message("200 OK", success, typeJSON, signField(success), date))(conn, r)
				case isSigned:
					return answerWith(message("200 OK", refused, typeJSON, signField(refused), date))(conn, r)
				default:
					return answerWith(message("200 OK", refused, typeJSON, date))(conn, r)
				}
			})
			s := startSidecar(t, setup{gateway: gateway.url(), options: "follow_gateway_clock"})
			assert.Contains(t, string(s.post(t, validBody()).body), "REQ_TIME_OVER_TIME")
			for range 3 {
				res := s.post(t, validBody())
				if isSigned {
					requireSuccess(t, res)
				} else {
					assert.Contains(t, string(res.body), "REQ_TIME_OVER_TIME")
				}
			}
		})
	}
}
