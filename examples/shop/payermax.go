package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The ways in which a call can fail. After errRefused, PayerMax has certainly made no order. After any other error it
// may have made one.
var (
	errRefused = errors.New("refused")
	errUnknown = errors.New("the outcome is unknown")
	// errLost means that PayerMax has not answered: the request may still be on its way.
	errLost = fmt.Errorf("%w, as no answer has come", errUnknown)
	// errNotExist is PayerMax's answer to a query for an order that it does not know.
	errNotExist = errors.New("there is no such order")
)

// noOrder are the codes that say that PayerMax has made no order.
var noOrder = []string{
	"PARAMS_INVALID", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID",
	"SIGN_VERIFY_FAILED", "REQ_TIME_OVER_TIME", "MERCHANT_INVALID", "MERCHANT_APP_INVALID",
}

// call sends business data to the sidecar, which does everything else, and decodes the answer's data into the value
// that into points to.
func (s *Shop) call(ctx context.Context, endpoint string, data map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.Sidecar+"/aggregate-pay/api/gateway/"+endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Code, Msg string
		Data      json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	// error= in Proxy-Status marks the sidecar's own answer: with a 4xx status or SYSTEM_ERROR, it has sent nothing.
	// With CALL_UNDER_WAY, it may have sent another request for the same order.
	own := strings.Contains(resp.Header.Get("Proxy-Status"), "error=")
	switch {
	case !own && answer.Code == "APPLY_SUCCESS":
		return json.Unmarshal(answer.Data, into)
	case !own && answer.Code == "ORDER_NOT_EXIST":
		return errNotExist
	case own && answer.Code != "CALL_UNDER_WAY" && (resp.StatusCode/100 == 4 || answer.Code == "SYSTEM_ERROR"), !own && slices.Contains(noOrder, answer.Code):
		return fmt.Errorf("%w: %s: %s", errRefused, answer.Code, answer.Msg)
	case own:
		return fmt.Errorf("%w: %s: %s", errLost, answer.Code, answer.Msg)
	default:
		return fmt.Errorf("%w: %s: %s", errUnknown, answer.Code, answer.Msg)
	}
}
