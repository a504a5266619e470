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

// How a call can fail. Refused is certain: PayerMax has made no order. After anything else it may have made one.
var (
	errRefused = errors.New("refused")
	errUnknown = errors.New("the outcome is unknown")
	// errLost has no answer of PayerMax's: the request may still be on its way.
	errLost = fmt.Errorf("%w, as no answer has come", errUnknown)
	// errNotExist is PayerMax's answer to a query: it does not know the order.
	errNotExist = errors.New("there is no such order")
)

// noOrder are codes by which PayerMax says that it has made no order.
var noOrder = []string{
	"PARAMS_INVALID", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID",
	"SIGN_VERIFY_FAILED", "REQ_TIME_OVER_TIME", "MERCHANT_INVALID", "MERCHANT_APP_INVALID",
}

// call sends business data to the sidecar, which adds, signs and checks all the rest, and reads the answer's data.
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
	// error= in Proxy-Status is the sidecar's own answer: with a 4xx or SYSTEM_ERROR, nothing has left it. With
	// CALL_UNDER_WAY, another request for the order may have.
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
