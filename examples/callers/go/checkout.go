// Command checkout opens a Drop-In session and pays an order through the
// PayerMax sidecar.
//
//	PAYERMAX_URL=http://127.0.0.1:8080 go run checkout.go [outTradeNo [currency]]
//
// PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock. It needs
// the standard library only, and holds no key.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	timeout  = 35 * time.Second // longer than the sidecar's own timeout, or its answer is lost
	attempts = 3
)

// noOrder are codes by which PayerMax says that it made no order. After any other
// there may be one.
var noOrder = []string{
	"PARAMS_INVALID", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID",
	"SIGN_VERIFY_FAILED", "REQ_TIME_OVER_TIME", "MERCHANT_INVALID", "MERCHANT_APP_INVALID",
}

// final are the states of an order that are final. PENDING is not: the buyer has to
// go to data.redirectUrl, or a notification will follow.
var final = []string{"SUCCESS", "FAILED", "CLOSED"}

// Answer is what PayerMax answered, or the sidecar in its place.
type Answer struct {
	Code   string
	Msg    string
	Data   any
	Errors []struct{ Field, Message string }
}

// text returns a text in the answer's data, or an empty one.
func (a *Answer) text(name string) string {
	data, _ := a.Data.(map[string]any)
	text, _ := data[name].(string)
	return text
}

// RefusedError is a request that must be changed before it is sent again.
type RefusedError struct{ Answer }

func (e RefusedError) Error() string {
	text := "refused: " + e.Code + ": " + e.Msg
	for _, violation := range e.Errors {
		text += "\n  " + violation.Field + ": " + violation.Message
	}
	return text
}

// NotSentError is a request that PayerMax has not received, so that it may be
// sent again.
type NotSentError struct {
	Reason string
	Wait   time.Duration
}

func (e NotSentError) Error() string { return "not sent: " + e.Reason }

// UnknownError is a request that PayerMax may have carried out, or not.
type UnknownError struct{ Reason string }

func (e UnknownError) Error() string { return "outcome unknown: " + e.Reason }

// Sidecar is how the application reaches PayerMax.
type Sidecar struct {
	base   string
	client *http.Client
}

// NewSidecar takes the address from PAYERMAX_URL.
func NewSidecar() *Sidecar {
	base := cmp.Or(os.Getenv("PAYERMAX_URL"), "http://127.0.0.1:8080")
	transport := new(http.Transport) // with no proxy: the sidecar is on this machine
	if path, ok := strings.CutPrefix(base, "unix:"); ok {
		base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the sidecar has nowhere to send us
	return &Sidecar{base, &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: noRedirect}}
}

// isNotLetIn reports whether Caddy itself refuses by a status: whoever has no password, and
// what is too large.
func isNotLetIn(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusRequestEntityTooLarge
}

// Call makes one call and returns PayerMax's answer.
func (s *Sidecar) Call(endpoint string, data map[string]any) (*Answer, error) {
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return nil, err
	}
	response, err := s.client.Post(s.base+"/aggregate-pay/api/gateway/"+endpoint, "application/json", bytes.NewReader(body))
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return nil, NotSentError{"the sidecar is not there", time.Second}
	}
	if err != nil {
		return nil, UnknownError{"the answer was lost"}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	answer := new(Answer)
	proxyStatus := response.Header.Get("Proxy-Status")
	if isNotLetIn(response.StatusCode) && !strings.Contains(proxyStatus, "caddy-payermax") {
		return nil, RefusedError{Answer{Code: response.Status, Msg: "Caddy's answer, before the sidecar saw the request"}}
	}
	if err != nil || json.Unmarshal(text, answer) != nil || answer.Code == "" || !strings.Contains(proxyStatus, "caddy-payermax") {
		return nil, UnknownError{"no answer of PayerMax's"}
	}

	// error= in Proxy-Status tells the sidecar's own answers from PayerMax's. What
	// is named here is certain. Whatever else is answered, the outcome is unknown,
	// as it is while another process's call with the same number is under way.
	if strings.Contains(proxyStatus, "error=") {
		if answer.Code == "SYSTEM_ERROR" || answer.Code == "TOO_MANY_REQUEST" {
			seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
			return nil, NotSentError{answer.Code, time.Duration(max(seconds, 1)) * time.Second}
		}
		if response.StatusCode >= 400 && response.StatusCode < 500 && answer.Code != "CALL_UNDER_WAY" {
			return nil, RefusedError{*answer}
		}
	} else if response.StatusCode == http.StatusOK {
		if answer.Code == "APPLY_SUCCESS" || answer.Code == "ORDER_NOT_EXIST" {
			return answer, nil
		}
		if slices.Contains(noOrder, answer.Code) {
			return nil, RefusedError{*answer}
		}
	}
	return nil, UnknownError{answer.Code}
}

// Repeat calls an endpoint that does no harm twice: a session, a query.
func (s *Sidecar) Repeat(endpoint string, data map[string]any) (*Answer, error) {
	for attempt := 1; ; attempt++ {
		answer, err := s.Call(endpoint, data)
		if _, refused := errors.AsType[RefusedError](err); err == nil || refused || attempt == attempts {
			return answer, err
		}
		wait := time.Second
		if notSent, ok := errors.AsType[NotSentError](err); ok {
			wait = notSent.Wait
		}
		time.Sleep(wait)
	}
}

// finalStatus returns the order's status, if the answer says what became of the
// order.
func finalStatus(answer *Answer) (string, error) {
	status := answer.text("status")
	if answer.Code != "APPLY_SUCCESS" || !slices.Contains(final, status) {
		return "", UnknownError{cmp.Or(status, answer.Code)}
	}
	return status, nil
}

// Pay pays an order once, whatever happens to the answers, and returns its status.
//
// After an unknown outcome the order may have been paid. So PayerMax is asked
// first, and only an order that it does not know is sent again: under the same
// outTradeNo, which PayerMax accepts once. If the first request was only slow,
// the answer to the second is ORDER_REPEAT. A new outTradeNo could take the
// buyer's money twice.
func (s *Sidecar) Pay(order map[string]any) (string, error) {
	number := order["outTradeNo"]
	var unknown *UnknownError
	var notSent error
	for range attempts {
		var status string
		answer, err := s.Call("orderAndPay", order)
		if err == nil {
			status, err = finalStatus(answer)
		}
		switch failure := err.(type) {
		case nil:
			return status, nil
		case UnknownError:
			unknown = &failure
		case NotSentError:
			notSent = failure
			time.Sleep(failure.Wait)
			if unknown == nil {
				continue
			}
		default:
			if unknown == nil { // else an earlier attempt may have made the order
				return "", err
			}
		}

		fmt.Printf("order %s: outcome unknown (%s), asking PayerMax\n", number, unknown.Reason)
		answer, err = s.Repeat("orderQuery", map[string]any{"outTradeNo": number})
		if err != nil {
			return "", UnknownError{err.Error()} // of the order, even if the question was not sent
		}
		if answer.Code != "ORDER_NOT_EXIST" {
			return finalStatus(answer)
		}
		fmt.Printf("order %s: not there yet\n", number)
		time.Sleep(time.Second)
	}
	if unknown != nil {
		return "", *unknown
	}
	return "", notSent
}

func run(number, currency string) error {
	sidecar := NewSidecar()
	session, err := sidecar.Repeat("applyDropinSession", map[string]any{
		"totalAmount":   json.Number("10000"), // never a float64
		"currency":      currency,
		"country":       "ID",
		"userId":        "U10001",
		"componentList": []string{"CARD"},
	})
	if err != nil {
		return err
	}
	sessionKey := session.text("sessionKey")
	if sessionKey == "" {
		return UnknownError{"no session key"}
	}
	fmt.Println("session:", sessionKey)

	status, err := sidecar.Pay(map[string]any{
		"outTradeNo":   number,
		"integrate":    "Direct_Payment",
		"subject":      "One coffee",
		"totalAmount":  json.Number("10000"),
		"currency":     currency,
		"country":      "ID",
		"userId":       "U10001",
		"terminalType": "WEB",
		"paymentDetail": map[string]any{
			// From the Drop-In component in the buyer's browser.
			"paymentToken": "332e4cc1af1740aeafe9e7df82aeb5a1",
			"sessionKey":   sessionKey,
			"buyerInfo":    map[string]any{"clientIp": "59.82.59.92", "userAgent": "Chrome"},
		},
	})
	if err != nil {
		return err
	}
	fmt.Printf("order %s: %s\n", number, status)
	return nil
}

// newNumber returns an outTradeNo that none has had: the time alone recurs where clocks are
// set back, or orders come at once.
func newNumber() string {
	return "P" + strconv.FormatInt(time.Now().UnixMilli(), 10) + rand.Text()[:10]
}

func main() {
	number, currency := newNumber(), "IDR"
	if len(os.Args) > 1 {
		number = os.Args[1]
	}
	if len(os.Args) > 2 {
		currency = os.Args[2]
	}
	if err := run(number, currency); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
