package verdict

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// An empty sign header is not a signature: it does not turn an intermediary's answer into
// PayerMax's.
func TestEmptySignatureHidesNoIntermediary(t *testing.T) {
	for _, keys := range []bool{false, true} {
		asked := questionOf(t, "orderAndPay", `{"appId":"app","data":{"outTradeNo":"P1"}}`)
		if keys {
			asked.Keys = append(asked.Keys, nil)
		}
		a := &reply.Answer{Status: http.StatusBadGateway, Body: []byte(`{"code":"X","msg":"bad gateway"}`)}
		a.Header()["Sign"] = []string{""}
		_, _, err := NewJudge().Decide(a, asked)
		assert.Equal(t, reply.Unknown, reply.AsRefusal(err).Outcome)
	}
}
