package limits_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func TestRefuseDoubles(t *testing.T) {
	at := place(t, "orderAndPay", "refund", "capture", "orderQuery")
	at.Merchants = append(at.Merchants, limits.Merchant{AppID: at.Merchants[0].AppID, MerchantNo: "2"})
	l := open(t, limits.Limits{RefuseDoubles: true}, at)
	first := callOf(t, at, "orderAndPay", `{"outTradeNo":"AAa"}`)
	reserved, err := l.Reserve(t.Context(), first)
	require.NoError(t, err)

	_, err = l.Reserve(t.Context(), callOf(t, at, "orderAndPay", `{"outTradeNo":"aAA"}`))
	refused := requireRefused(t, err, limits.ByDouble)
	assert.Equal(t, http.StatusConflict, refused.Status)
	assert.Equal(t, "CALL_UNDER_WAY", refused.Code)
	assert.Equal(t, "1", refused.Header.Get("Retry-After"))

	other := callOf(t, at, "orderAndPay", `{"outTradeNo":"AAA"}`)
	other.Merchant = at.Merchants[1]
	for name, c := range map[string]limits.Call{
		"another number":         callOf(t, at, "orderAndPay", `{"outTradeNo":"BBB"}`),
		"another merchant":       other,
		"another kind of call":   callOf(t, at, "refund", `{"outRefundNo":"R1","outTradeNo":"AAA"}`),
		"the same number of it":  callOf(t, at, "refund", `{"outRefundNo":"AAA","outTradeNo":"AAA"}`),
		"of the same order":      callOf(t, at, "refund", `{"outRefundNo":"R2","outTradeNo":"AAA"}`),
		"a call without a money": callOf(t, at, "orderQuery", `{"outTradeNo":"AAA"}`),
	} {
		_, err = l.Reserve(t.Context(), c)
		assert.NoError(t, err, name)
	}

	reserved.Settle(stores.Kept)
	_, err = l.Reserve(t.Context(), first)
	assert.NoError(t, err, "PayerMax decides what becomes of it")

	for name, data := range map[string]string{
		"no number": `{}`, "null": `{"outTradeNo":null}`, "nearly the name": `{"OutTradeNo":"C"}`, "two of them": `{"outTradeNo":"C","out_trade_no":"D"}`,
	} {
		_, err = l.Reserve(t.Context(), callOf(t, at, "orderAndPay", data))
		refused := requireRefused(t, err, "")
		assert.Equal(t, "PARAMS_INVALID", refused.Code)
		assert.Equal(t, "/data/outTradeNo", refused.Errors[0].Field, name)
	}
}
