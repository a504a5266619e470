package payermax

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// What an answer says of its call must be what was sent.
func TestContradiction(t *testing.T) {
	const request = `{"version":"1.4","appId":"app","merchantNo":"0202","data":{"outTradeNo":"P1","requestId":7}}`
	endpoint, ok := protocol.Lookup("capture")
	require.True(t, ok)
	identifying := envelope.NewNames(endpoint.Identifying()...)
	for body, names := range map[string]string{
		`{"code":"X"}`:             "",
		`{"code":"X","data":null}`: "",
		`{"code":"X","data":{"outTradeNo":"P1","requestId":"7"}}`:               "",
		`{"code":"X","data":{"outTradeNo":"p1"}}`:                               "", // PayerMax's numbers have no case
		`{"code":"X","data":{"outTradeNo":"\u00501"}}`:                          "",
		`{"code":"X","data":{"outTradeNo":null,"requestId":""}}`:                "",
		`{"code":"X","appId":"app","merchantNo":"0202"}`:                        "",
		`{"code":"X","spMerchantNo":"0303"}`:                                    "", // none was sent
		`{"code":"X","data":{"merchantNo":"0202"}}`:                             "",
		`{"code":"X","data":{"status":"SUCCESS","out_trade":"P2"}}`:             "",
		`{"code":"X","data":{"outTradeNo":"P2"}}`:                               "outTradeNo",
		`{"code":"X","outTradeNo":"P2"}`:                                        "outTradeNo",
		`{"code":"X","data":{"outTradeNo":1}}`:                                  "outTradeNo",
		`{"code":"X","data":{"outTradeNo":["P1"]}}`:                             "outTradeNo",
		`{"code":"X","data":{"outTradeNo":"P1","out_trade_no":"P1"}}`:           "outTradeNo",
		`{"code":"X","data":{"OutTradeNo":"P1"}}`:                               "outTradeNo",
		`{"code":"X","data":{"outTradeNo":"P1","requestId":"8"}}`:               "requestId",
		`{"code":"X","data":{"outTradeNo":"P1"},"merchantNo":"0203"}`:           "merchantNo",
		`{"code":"X","data":{"outTradeNo":"P1","appId":"another"}}`:             "appId",
		`{"code":"X","data":{"outTradeNo":"P1","requestId":"7"},"appid":"app"}`: "appId",
		`{"code":"X","data":{"outTradeNo":"P1","merchantNo":202}}`:              "merchantNo",
	} {
		c := &call{route: route{identifying: identifying}, exchange: &exchange{body: []byte(request)}}
		said, err := (&answer{body: []byte(body)}).read(c.route.identifying)
		require.NoError(t, err, body)
		err = c.contradiction(said)
		if names == "" {
			assert.NoError(t, err, body)
			continue
		}
		assert.ErrorContains(t, err, "its "+names+" is not what was sent", body)
		assert.NotContains(t, err.Error(), "P2", body)
	}
}
