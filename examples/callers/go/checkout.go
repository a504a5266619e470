// Command checkout opens a Drop-In session and pays an order through the
// PayerMax sidecar.
//
//	PAYERMAX_URL=http://127.0.0.1:8080 go run checkout.go [outTradeNo [currency]]
//
// PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock. The
// program needs only the standard library, and holds no key.
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
	timeout  = 35 * time.Second // longer than the sidecar's timeout, so that its answer is not lost
	attempts = 3
)

// noOrder are the codes that say that PayerMax has made no order. After any
// other code there may be one.
var noOrder = []string{
	"PARAMS_INVALID", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID",
	"SIGN_VERIFY_FAILED", "REQ_TIME_OVER_TIME", "MERCHANT_INVALID", "MERCHANT_APP_INVALID",
}

// final are the final states of an order. PENDING is not final: the buyer has
// to go to data.redirectUrl, or a notification will follow.
var final = []string{"SUCCESS", "FAILED", "CLOSED"}

// Answer is the answer of PayerMax, or of the sidecar in its place.
type Answer struct {
	Code   string
	Msg    string
	Data   any
	Errors []struct{ Field, Message string }
}

// text returns a string member of the answer's data, or "".
func (a *Answer) text(name string) string {
	data, _ := a.Data.(map[string]any)
	text, _ := data[name].(string)
	return text
}

// RefusedError is the error of a request that must be changed before it is sent
// again.
type RefusedError struct{ Answer }

func (e RefusedError) Error() string {
	text := "refused: " + e.Code + ": " + e.Msg
	for _, violation := range e.Errors {
		text += "\n  " + violation.Field + ": " + violation.Message
	}
	return text
}

// NotSentError is the error of a request that PayerMax has not received, so it
// may be sent again after Wait.
type NotSentError struct {
	Reason string
	Wait   time.Duration
}

func (e NotSentError) Error() string { return "not sent: " + e.Reason }

// UnknownError is the error of a request that PayerMax may or may not have
// carried out.
type UnknownError struct{ Reason string }

func (e UnknownError) Error() string { return "outcome unknown: " + e.Reason }

// Sidecar is a client of the sidecar, through which the application reaches
// PayerMax.
type Sidecar struct {
	base   string
	client *http.Client
}

// NewSidecar returns a client for the address in PAYERMAX_URL, by default
// http://127.0.0.1:8080.
func NewSidecar() *Sidecar {
	base := cmp.Or(os.Getenv("PAYERMAX_URL"), "http://127.0.0.1:8080")
	transport := new(http.Transport) // without a proxy: the sidecar is on this machine
	if path, ok := strings.CutPrefix(base, "unix:"); ok {
		base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the sidecar never redirects
	return &Sidecar{base, &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: noRedirect}}
}

// isNotLetIn reports whether Caddy itself has refused a request with this
// status: without a valid password, or because it is too large.
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

	// error= in Proxy-Status distinguishes the sidecar's own answers from
	// PayerMax's. In the cases below, the outcome is certain. With any other
	// answer, it is unknown, for example while another process's call with the
	// same number is in progress.
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

// Repeat calls an endpoint that is safe to call more than once, such as for a
// session or a query.
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

// finalStatus returns the order's status if it is final, or an UnknownError.
func finalStatus(answer *Answer) (string, error) {
	status := answer.text("status")
	if answer.Code != "APPLY_SUCCESS" || !slices.Contains(final, status) {
		return "", UnknownError{cmp.Or(status, answer.Code)}
	}
	return status, nil
}

// Pay pays an order at most once, even if answers are lost, and returns its
// status.
//
// After an unknown outcome the order may have been paid. So Pay queries the
// order first, and sends it again only if PayerMax does not know it: with the
// same outTradeNo, which PayerMax accepts only once. If the first request was
// just slow, the answer to the second is ORDER_REPEAT. With a new outTradeNo,
// the buyer could be charged twice.
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
			if unknown == nil { // otherwise an earlier attempt may have made the order
				return "", err
			}
		}

		fmt.Printf("order %s: outcome unknown (%s), asking PayerMax\n", number, unknown.Reason)
		answer, err = s.Repeat("orderQuery", map[string]any{"outTradeNo": number})
		if err != nil {
			return "", UnknownError{err.Error()} // the outcome of the order is unknown, even if the query was not sent
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

// newNumber returns a unique outTradeNo. The time alone is not unique if clocks
// are set back or orders come at the same time.
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
