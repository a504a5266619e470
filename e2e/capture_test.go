package e2e

import (
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// authorise makes an order whose amount is held but not yet paid.
func (s *shop) authorise(outTradeNo string) {
	s.t.Helper()
	order := s.order(outTradeNo, "SUCCESS")
	maps.Copy(order, map[string]any{"captureMode": "MANUAL", "authorizationType": "FINAL_AUTH"})
	s.must("orderAndPay", order)
}

// A payment in two steps: the amount is authorised, a part of it is captured, and a part of that is
// refunded.
func TestAuthCapture(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.authorise("A1")
	captured := s.must("capture", map[string]any{"requestId": "C1", "outTradeNo": "A1", "currency": "IDR", "amount": 30000})
	assert.Equal(t, "SUCCESS", captured["status"])
	s.must("refund", map[string]any{"outRefundNo": "R1", "outTradeNo": "A1", "refundAmount": 12000, "refundCurrency": "IDR", "refundNotifyUrl": s.callback})

	var kinds []string
	for _, notification := range s.awaitNotifications(3) {
		kinds = append(kinds, notification.kind)
		assert.NotEmpty(t, notification.verified)
	}
	assert.ElementsMatch(t, []string{"PAYMENT", "CAPTURE", "REFUND"}, kinds)

	// PayerMax refuses what is not possible, and the application gets that refusal.
	status, code, _ := s.call("capture", map[string]any{"requestId": "C2", "outTradeNo": "A1", "currency": "IDR", "amount": 10000})
	assert.Equal(t, http.StatusOK, status)
	assert.NotEqual(t, "APPLY_SUCCESS", code)
	// Invalid data is refused by the sidecar.
	status, code, _ = s.call("capture", map[string]any{"requestId": "C3", "outTradeNo": "A1", "currency": "IDR", "amount": 0.5})
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "PARAMS_INVALID", code)
}

// An authorisation that is no longer wanted is cancelled.
func TestAuthCancel(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.authorise("A2")
	cancelled := s.must("cancel", map[string]any{"requestId": "X1", "outTradeNo": "A2"})
	assert.Equal(t, "SUCCESS", cancelled["status"])
	_, code, _ := s.call("capture", map[string]any{"requestId": "C1", "outTradeNo": "A2", "currency": "IDR", "amount": 30000})
	assert.Equal(t, "ORDER_CLOSED", code)
	assert.Equal(t, "CLOSED", s.must("orderQuery", map[string]any{"outTradeNo": "A2"})["status"])
}
