package redis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// startSigners starts sidecars with one store that sign for one merchant within limits.
func startSigners(t *testing.T, count int, to *gateway, store, limits string) []*sidecar {
	t.Helper()
	signers := make([]*sidecar, count)
	var starting sync.WaitGroup
	for i := range signers {
		starting.Go(func() { signers[i] = startSigner(t, to, store, limits) })
	}
	starting.Wait()
	return signers
}

func startSigner(t *testing.T, to *gateway, store, limits string) *sidecar {
	t.Helper()
	return start(t, fmt.Sprintf(`payermax_store redis {
		%s
	}`, strings.ReplaceAll(store, "\n", "\n\t\t")), fmt.Sprintf(`payermax /aggregate-pay/* {
		gateway %s
		app_id app
		merchant_no 1
		private_key %s
		gateway_public_key %s
		endpoints drop_in
		validation off
		limits {
			%s
		}
	}`, to.URL, testkeys.WritePrivate(t, testkeys.Merchant()), testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), strings.ReplaceAll(limits, "\n", "\n\t\t\t")))
}

// gateway plays PayerMax. It keeps its own books of what the orders that it has not refused
// have moved.
type gateway struct {
	*httptest.Server
	moved, calls atomic.Int64
	// hold, if set, is called before an order is answered.
	hold func()
}

func startGateway(t *testing.T) *gateway {
	g := new(gateway)
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.Close)
	return g
}

// serve refuses every fifth order, and does not answer every seventh.
func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var order struct {
		Data struct {
			TotalAmount int64 `json:"totalAmount"`
		} `json:"data"`
	}
	if err != nil || json.Unmarshal(body, &order) != nil {
		return
	}
	count := g.calls.Add(1)
	if g.hold != nil {
		g.hold()
	}
	answer := `{"code":"APPLY_SUCCESS","msg":"","data":{"status":"SUCCESS"}}`
	if count%5 == 0 {
		answer = `{"code":"PAYMENT_FAILED","msg":""}`
	} else {
		g.moved.Add(order.Data.TotalAmount)
	}
	if count%7 == 0 && count%5 != 0 {
		panic(http.ErrAbortHandler)
	}
	signature, err := signer.Sign(r.Context(), testkeys.Gateway(), []byte(answer))
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Sign", signature)
	_, _ = io.WriteString(w, answer)
}

// lastOrder numbers the orders of all tests.
var lastOrder atomic.Int64

// order makes an order for an amount in IDR through the sidecar, and returns the status and
// the body of the answer.
func (s *sidecar) order(amount int64) (status int, answer string) {
	return s.orderOf(fmt.Sprint("P", lastOrder.Add(1)), amount)
}

func (s *sidecar) orderOf(number string, amount int64) (status int, answer string) {
	body := fmt.Sprintf(`{"data":{"outTradeNo":%q,"totalAmount":%d,"currency":"IDR"}}`, number, amount)
	res, err := client.Post(s.url+"/aggregate-pay/api/gateway/orderAndPay", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	read, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(read)
}
