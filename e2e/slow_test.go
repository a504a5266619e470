package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Clients slower than the server's timeouts lose their connection. A request that was not sent
// completely does not become a call. A call whose answer is not read was made once, and has its
// line in the log.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	gateway := newStagedGateway(t)
	s, health := startWithHealth(t, "servers {\ntimeouts {\nread_header 3s\nread_body 4s\nwrite 5s\n}\n}",
		setup{gateway: gateway.url(), options: "endpoints drop_in"})

	// All of them are slow at the same time.
	var senders []slowSender
	var readers []staged
	for endpoint := range moving {
		senders = append(senders, s.sendSlowly(t, endpoint)...)
		readers = append(readers, gateway.begin(t, s, inAnswer, endpoint))
	}
	s.awaitCalls(t, len(readers), "answered") // nobody has read the answers yet

	for _, c := range senders {
		t.Run(c.name, func(t *testing.T) {
			res, err := c.roundTrip("") // the call is already being sent, as far as it gets
			assert.Empty(t, gateway.about(c.number))
			switch {
			case c.begun:
				require.NoError(t, err)
				requireRefusal(t, res, http.StatusBadRequest, "PARAMS_INVALID")
				s.requireLogged(t, res, "refused")
			case err != nil:
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			default: // net/http took what had arrived of the last line as part of the header
				require.Equal(t, http.StatusBadRequest, res.status)
				require.NotContains(t, res.header, "Proxy-Status")
				require.True(t, res.close)
			}
		})
	}
	await(t, patience, "the sidecar to lose its patience", func() bool {
		return strings.Contains(get(t, health+"/metrics"), "\ncaddy_payermax_requests_in_flight 0\n")
	})
	for _, c := range readers {
		c.requireEnd(t, s, gateway, halfAnswered)
	}
	requireSuccess(t, s.post(t, validBody()))
}

// Without the server's own timeouts, a body that does not arrive ends with the call's timeout, and
// a connection that was used in time stays open.
func TestSlowBodyEndsWithTimeout(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "timeout 4s"})
	kept := s.dial(t)
	requireSuccess(t, kept.send(t, post(validBody())))

	slow := s.dial(t)
	raw := post(validBody())
	res := slow.send(t, raw[:len(raw)-1])
	requireRefusal(t, res, http.StatusBadRequest, "PARAMS_INVALID")
	assert.True(t, res.close)
	s.requireLogged(t, res, "refused")
	requireSuccess(t, kept.send(t, post(validBody())))
}

// slowSender is a client that sends a call slowly, or never sends all of it.
type slowSender struct {
	*client
	name   string
	number string
	begun  bool // the complete header arrives, so the call begins
}

// sendSlowly starts slow senders of each kind, which keep sending by themselves.
func (s *sidecar) sendSlowly(t *testing.T, endpoint string) (senders []slowSender) {
	t.Helper()
	raw, number := payment(endpoint, "slow")
	body := strings.Index(raw, "\r\n\r\n") + len("\r\n\r\n")
	for name, test := range map[string]struct {
		from, to int // the range sent byte by byte, after everything before it
		begun    bool
	}{
		"header drips":             {0, body, false},
		"header stops at once":     {0, 0, false},
		"header stops at its end":  {body - 1, body - 1, false},
		"body drips":               {body, len(raw), true},
		"body stops at once":       {body, body, true},
		"body stops at its end":    {len(raw) - 1, len(raw) - 1, true},
		"header drips at its end":  {body - 10, body - 1, false},
		"body drips up to its end": {len(raw) - 10, len(raw) - 1, true},
	} {
		c := s.dial(t)
		t.Cleanup(func() { c.conn.Close() })
		_, err := io.WriteString(c.conn, raw[:test.from])
		require.NoError(t, err)
		go drip(c.conn, raw[test.from:test.to])
		senders = append(senders, slowSender{c, endpoint + ", " + name, number, test.begun})
	}
	return senders
}

// drip sends ten bytes a second, as long as the other side takes them.
func drip(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// If an application disconnects, its call is abandoned as far as that is still possible: a request
// that has not arrived is not made into a call, a call at the gateway is given up, and the log says
// how it ended.
func TestVanishingClients(t *testing.T) {
	t.Parallel()
	gateway := newStagedGateway(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})

	logged := make(map[string]int) // calls logged, by outcome
	for at, test := range map[stage]struct {
		calls   int    // at the gateway
		outcome string // empty if there is no log line
	}{
		inHeader:  {0, ""},
		inBody:    {0, "refused"},
		atGateway: {1, "unknown"},
		inAnswer:  {1, "answered"},
	} {
		for how, leave := range map[string]func(net.Conn){"closes": func(conn net.Conn) { conn.Close() }, "resets": reset} {
			for endpoint := range moving {
				t.Run(string(at)+", "+how+", "+endpoint, func(t *testing.T) {
					c := gateway.begin(t, s, at, endpoint)
					leave(c.conn)
					if test.outcome != "" {
						logged[test.outcome]++
						s.awaitCalls(t, logged[test.outcome], test.outcome)
					}
					if at == atGateway {
						<-gateway.gone // otherwise the gateway would continue for nobody
					}
					assert.Len(t, gateway.about(c.number), test.calls)
					requireSuccess(t, s.post(t, validBody()))
					logged["answered"]++
				})
			}
		}
	}
	s.awaitCalls(t, logged["refused"]+logged["unknown"]+logged["answered"], "")
}

// Applications disconnect at arbitrary moments, while their calls wait for a signature, a
// connection or the gateway. No call is made twice, and each has its log line.
func TestVanishingAtAnyMoment(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url(), options: "endpoints drop_in"})

	const calls = 200
	var numbers []string
	for i := range calls {
		endpoint := []string{"orderAndPay", "refund"}[i%2]
		raw, number := payment(endpoint, "gone")
		numbers = append(numbers, number)
		c := s.dial(t)
		_, err := io.WriteString(c.conn, raw)
		require.NoError(t, err)
		time.AfterFunc(time.Duration(i)*100*time.Microsecond, func() { c.conn.Close() })
	}
	log := s.awaitCalls(t, calls, "")
	await(t, patience, "the calls to end", func() bool {
		return strings.Contains(get(t, health+"/metrics"), "\ncaddy_payermax_requests_in_flight 0\n")
	})
	for _, number := range numbers {
		assert.LessOrEqual(t, len(gateway.about(number)), 1)
	}
	made, answered, unknown := len(gateway.received()), countCalls(log, "answered"), countCalls(log, "unknown")
	t.Logf("%d calls: %d at the gateway, %d answered, %d unknown, %d not sent, %d refused", calls, made, answered, unknown, countCalls(log, "not_sent"), countCalls(log, "refused"))
	assert.LessOrEqual(t, made, answered+unknown, "of the others, it is said that nothing was sent")
	assert.GreaterOrEqual(t, made, answered)
	requireSuccess(t, s.post(t, validBody()))
	s.Prints(t, calls+1, `"msg":"call"`)
}
