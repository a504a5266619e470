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

// How a call can fail. Refused is certain: PayerMax has done nothing, and the same request would be refused again. After
// anything else PayerMax may have carried it out.
var (
	errRefused = errors.New("refused")
	errUnknown = errors.New("the outcome is unknown")
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
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Code, Msg string
		Data      json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	// error= in Proxy-Status is the sidecar's own refusal: with a 4xx, nothing has left it.
	own := strings.Contains(resp.Header.Get("Proxy-Status"), "error=")
	switch {
	case !own && answer.Code == "APPLY_SUCCESS":
		return json.Unmarshal(answer.Data, into)
	case own && resp.StatusCode < 500, !own && slices.Contains(noOrder, answer.Code):
		return fmt.Errorf("%w: %s: %s", errRefused, answer.Code, answer.Msg)
	default:
		return fmt.Errorf("%w: %s: %s", errUnknown, answer.Code, answer.Msg)
	}
}
