package sandbox

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// askWith sends an order with faults to a real server and returns the answer, its body and the error of reading them.
func askWith(t *testing.T, g *Gateway, server *httptest.Server, list string) (*http.Response, []byte, error) {
	t.Helper()
	r := callRequest(t, g, "orderAndPay", orderFields(openSession(t, g)).String())
	r.Header.Set("Sandbox-Fault", list)
	out, err := http.NewRequest(http.MethodPost, server.URL+r.URL.Path, r.Body)
	require.NoError(t, err)
	out.Header = r.Header
	resp, err := server.Client().Do(out)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func TestFaults(t *testing.T) {
	type outcome struct {
		resp *http.Response
		body []byte
		err  error
		g    *Gateway
	}
	signed := func(o outcome) bool { return verify(o.g.PublicKey(), o.body, o.resp.Header.Values("sign")) }
	code := func(o outcome) string {
		var res result
		_ = json.Unmarshal(o.body, &res)
		return res.Code
	}
	for _, tt := range []struct {
		fault string
		// paid says whether the order took effect nonetheless.
		paid  bool
		check func(t *testing.T, o outcome)
	}{
		{"throttle", false, func(t *testing.T, o outcome) {
			assert.Equal(t, "TOO_MANY_REQUEST", code(o))
			assert.True(t, signed(o))
		}},
		{"code=SYSTEM_ERROR", false, func(t *testing.T, o outcome) {
			assert.JSONEq(t, `{"code":"SYSTEM_ERROR","msg":"System is busy, please try again later."}`, string(o.body))
			assert.True(t, signed(o))
		}},
		{"status=503", false, func(t *testing.T, o outcome) {
			assert.Equal(t, 503, o.resp.StatusCode)
			assert.Equal(t, "Service Unavailable\n", string(o.body))
			assert.Empty(t, o.resp.Header.Values("sign"))
		}},
		{"html", false, func(t *testing.T, o outcome) {
			assert.Equal(t, 200, o.resp.StatusCode)
			assert.Equal(t, "text/html; charset=utf-8", o.resp.Header.Get("Content-Type"))
			assert.Contains(t, string(o.body), "<h1>OK</h1>")
			assert.Empty(t, o.resp.Header.Values("sign"))
		}},
		{"html=502", false, func(t *testing.T, o outcome) {
			assert.Equal(t, 502, o.resp.StatusCode)
			assert.Contains(t, string(o.body), "<h1>Bad Gateway</h1>")
		}},
		{"clock-skew=3m", false, func(t *testing.T, o outcome) {
			assert.Equal(t, "REQ_TIME_OVER_TIME", code(o))
			assert.Equal(t, "Mon, 17 Jan 2022 09:08:52 GMT", o.resp.Header.Get("Date"))
		}},
		{"clock-skew=-3m", false, func(t *testing.T, o outcome) { assert.Equal(t, "REQ_TIME_OVER_TIME", code(o)) }},
		{"clock-skew=1m", true, func(t *testing.T, o outcome) { assert.Equal(t, "APPLY_SUCCESS", code(o)) }},
		{"date-skew=10m", true, func(t *testing.T, o outcome) {
			assert.Equal(t, "APPLY_SUCCESS", code(o))
			assert.True(t, signed(o))
			assert.Equal(t, "Mon, 17 Jan 2022 09:15:52 GMT", o.resp.Header.Get("Date"))
		}},
		{"date-skew=-24h", true, func(t *testing.T, o outcome) {
			assert.Equal(t, "APPLY_SUCCESS", code(o))
			assert.Equal(t, "Sun, 16 Jan 2022 09:05:52 GMT", o.resp.Header.Get("Date"))
		}},
		{"clock-skew=-3m, date-skew=3m", false, func(t *testing.T, o outcome) {
			assert.Equal(t, "REQ_TIME_OVER_TIME", code(o))
			assert.Equal(t, "Mon, 17 Jan 2022 09:05:52 GMT", o.resp.Header.Get("Date"))
		}},
		{"status=503,date-skew=10m", false, func(t *testing.T, o outcome) {
			assert.Equal(t, 503, o.resp.StatusCode)
			assert.Equal(t, "Mon, 17 Jan 2022 09:15:52 GMT", o.resp.Header.Get("Date"))
		}},
		{"throttle,date-skew=10m", false, func(t *testing.T, o outcome) {
			assert.Equal(t, "TOO_MANY_REQUEST", code(o))
			assert.Equal(t, "Mon, 17 Jan 2022 09:15:52 GMT", o.resp.Header.Get("Date"))
		}},
		{"latency=50ms", true, func(t *testing.T, o outcome) {
			assert.Equal(t, "APPLY_SUCCESS", code(o))
			assert.True(t, signed(o))
		}},
		{"reset", true, func(t *testing.T, o outcome) {
			assert.True(t, errors.Is(o.err, syscall.ECONNRESET) || errors.Is(o.err, io.EOF), "%v", o.err)
		}},
		{"wrong-signature", true, func(t *testing.T, o outcome) {
			assert.Equal(t, "APPLY_SUCCESS", code(o))
			assert.Len(t, o.resp.Header.Get("sign"), 344)
			assert.False(t, signed(o))
		}},
		{"missing-signature", true, func(t *testing.T, o outcome) {
			assert.Equal(t, "APPLY_SUCCESS", code(o))
			assert.Empty(t, o.resp.Header.Values("sign"))
		}},
		{"truncate", true, func(t *testing.T, o outcome) {
			assert.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
			assert.NotEmpty(t, o.body)
		}},
		{"garbage", true, func(t *testing.T, o outcome) {
			assert.False(t, json.Valid(o.body))
			assert.True(t, signed(o))
		}},
		{"empty", true, func(t *testing.T, o outcome) {
			assert.Equal(t, 200, o.resp.StatusCode)
			assert.Empty(t, o.body)
		}},
		{"latency=1ms, wrong-signature,truncate", true, func(t *testing.T, o outcome) {
			assert.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
		}},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			g := closing(t, newGateway(t))
			server := httptest.NewServer(g)
			defer server.Close()
			start := time.Now()
			resp, body, err := askWith(t, g, server, tt.fault)
			if strings.HasPrefix(tt.fault, "latency=50ms") {
				assert.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
			}
			tt.check(t, outcome{resp, body, err, g})

			want := "ORDER_NOT_EXIST"
			if tt.paid {
				want = "APPLY_SUCCESS"
			}
			assert.Equal(t, want, call(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`).Code)
			assert.Equal(t, tt.fault, g.state().recentCalls()[1].Fault)
		})
	}
}

// A reset ends both a TLS connection and an HTTP/2 stream.
func TestResetOverTLS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		g := closing(t, newGateway(t))
		server := httptest.NewUnstartedServer(g)
		server.EnableHTTP2 = http2
		if !http2 {
			server.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
		}
		server.StartTLS()
		_, _, err := askWith(t, g, server, "reset")
		assert.Error(t, err)
		server.Close()
	}
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { reset(httptest.NewRecorder()) })
}

// The delay ends early if the client gives up or the gateway is closed.
func TestLatencyEndsEarly(t *testing.T) {
	g := newGateway(t)
	r := callRequest(t, g, "orderQuery", `{}`)
	r.Header.Set("Sandbox-Fault", "latency=5m")
	done := make(chan struct{})
	go func() {
		serve(g, r)
		close(done)
	}()
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, g.Close(t.Context()))
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the call still waits")
	}
}

func TestNotificationFaults(t *testing.T) {
	for _, tt := range []struct {
		fault      string
		deliveries int
		state      string
		check      func(t *testing.T, g *Gateway, got received)
	}{
		{"drop-notification", 0, notifyDropped, nil},
		{"wrong-notification-signature", 1, notifyDelivered, func(t *testing.T, g *Gateway, got received) {
			require.Len(t, got.signs, 1)
			assert.False(t, verify(g.PublicKey(), got.body, got.signs))
		}},
		{"missing-notification-signature", 1, notifyDelivered, func(t *testing.T, _ *Gateway, got received) {
			assert.Empty(t, got.signs)
		}},
		{"duplicate-notification", 2, notifyDelivered, func(t *testing.T, g *Gateway, got received) {
			assert.True(t, verify(g.PublicKey(), got.body, got.signs))
		}},
		{"odd-notification-time", 1, notifyDelivered, func(t *testing.T, g *Gateway, got received) {
			assert.True(t, verify(g.PublicKey(), got.body, got.signs))
			assert.Contains(t, string(got.body), `"notifyTime":"2022-01-17T09:05:52 +0000"`)
		}},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			g := closing(t, newGateway(t))
			g.TimeScale = 1e6
			s := newShop(t)
			put := `{"endpoint":"orderAndPay","fault":"` + tt.fault + `"}`
			require.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPut, "faults", put).Code)
			pay(t, g, fields{"notifyUrl": s.URL})
			assert.Equal(t, tt.state, sent(t, g, 1)[0].State)
			for _, got := range s.wait(t, tt.deliveries) {
				tt.check(t, g, got)
			}
		})
	}
}

func TestParseFaultsRefusals(t *testing.T) {
	for list, want := range map[string]string{
		"":                       `"" is not one of clock-skew, code, date-skew, drop-notification,`,
		"nonsense":               `"nonsense" is not one of`,
		"reset,":                 `"" is not one of`,
		"reset=1":                "reset: takes no value",
		"code=":                  "code: needs a code in capitals, such as SYSTEM_ERROR",
		"code=<b>":               "code: needs a code in capitals, such as SYSTEM_ERROR",
		"status":                 "status: needs a status from 400 to 599",
		"status=200":             "status: needs a status from 400 to 599",
		"html=x":                 "html: needs a status from 400 to 599",
		"latency=1":              "latency: time: missing unit",
		"latency=-1s":            "latency: must be from 0 to 5m0s",
		"latency=1h":             "latency: must be from 0 to 5m0s",
		"clock-skew=":            "clock-skew: time: invalid duration",
		"date-skew":              "date-skew: time: invalid duration",
		"date-skew=5":            "date-skew: time: missing unit",
		strings.Repeat("x", 257): "more than 256 characters",
	} {
		_, err := parseFaults(list)
		assert.ErrorContains(t, err, want, list)
	}

	g := newGateway(t)
	r := callRequest(t, g, "orderQuery", `{}`)
	r.Header.Set("Sandbox-Fault", "nonsense")
	w := serve(g, r)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), `Sandbox-Fault: "nonsense" is not one of clock-skew, code,`)
}

// The package documentation lists every fault, and nothing else.
func TestEveryFaultIsDocumented(t *testing.T) {
	source, err := os.Open("doc.go")
	require.NoError(t, err)
	defer source.Close()
	section := false
	documented := map[string]bool{}
	for lines := bufio.NewScanner(source); lines.Scan(); {
		list := lines.Text()
		if strings.HasPrefix(list, "// # ") {
			section = list == "// # Faults"
		}
		if name, ok := strings.CutPrefix(list, "//\t"); section && ok {
			name, _, _ = strings.Cut(strings.Fields(name)[0], "=")
			documented[strings.TrimSuffix(name, ",")] = true
		}
	}
	for name := range faultKinds {
		assert.Contains(t, documented, name)
	}
	assert.Len(t, documented, len(faultKinds))
}

// docs/sandbox.md has a row for each fault, and for nothing else. What the rows say about them is tested with a
// sidecar.
func TestFaultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/sandbox.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "\n### The faults\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	assert.ElementsMatch(t, faultExamples, documented)
}
