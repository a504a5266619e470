package validate_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// lookup returns the rules of an endpoint.
func lookup(t testing.TB, endpoint, version string) *validate.RuleSet {
	t.Helper()
	s, ok := validate.Lookup(endpoint, version)
	require.True(t, ok, "%s %s", endpoint, version)
	return s
}

// written formats amounts as "pointer currency value".
func written(amounts []validate.Amount) []string {
	var list []string
	for _, a := range amounts {
		list = append(list, a.Field+" "+a.Currency+" "+a.Value.RatString())
	}
	return list
}

func TestMovesMoney(t *testing.T) {
	for endpoint, moves := range map[string]bool{
		"applyDropinSession": true, "orderAndPay": true, "refund": true, "capture": true,
		"orderQuery": false, "refundQuery": false, "cancel": false,
	} {
		for _, version := range validate.Versions(endpoint) {
			s := lookup(t, endpoint, version)
			assert.Equal(t, moves, s.MovesMoney(), endpoint)
			assert.Equal(t, moves, s.Within(validate.Contract{}).MovesMoney(), endpoint)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, tc := range []struct {
		endpoint, version, data string
		want                    []string
	}{
		{"orderAndPay", "1.5", `{"totalAmount":77.44,"currency":"HKD"}`, []string{"/data/totalAmount HKD 1936/25"}},
		{"orderAndPay", "1.4", `{"totalAmount":"100","currency":"SAR"}`, []string{"/data/totalAmount SAR 100"}},
		{"orderAndPay", "1.5", `{
			"currency": "USD", "totalAmount": 0,
			"subscriptionPlan": {
				"periodAmount": {"amount": 20, "currency": "USD"},
				"trialConfig": {"trialAmount": {"currency": "EUR", "amount": "4.50"}},
				"trialPeriodConfig": {"trialPeriodAmount": {"amount": 1e3, "currency": "JPY"}}
			}}`, []string{
			"/data/totalAmount USD 0",
			"/data/subscriptionPlan/periodAmount/amount USD 20",
			"/data/subscriptionPlan/trialPeriodConfig/trialPeriodAmount/amount JPY 1000",
			"/data/subscriptionPlan/trialConfig/trialAmount/amount EUR 9/2",
		}},
		{"applyDropinSession", "1.5", `{"totalAmount":10000,"currency":"IDR"}`, []string{"/data/totalAmount IDR 10000"}},
		{"applyDropinSession", "1.6", `{"totalAmount":"19.99","currency":"USD"}`, []string{"/data/totalAmount USD 1999/100"}},
		{"refund", "1.4", `{"refundAmount":"15000","refundCurrency":"IDR","currency":"xx"}`, []string{"/data/refundAmount IDR 15000"}},
		{"capture", "1.4", `{"amount":100,"currency":"USD"}`, []string{"/data/amount USD 100"}},

		// Nothing else is moved by an absent plan, or by one that begins elsewhere.
		{"orderAndPay", "1.5", `{"totalAmount":1,"currency":"IDR","subscriptionPlan":null}`, []string{"/data/totalAmount IDR 1"}},
		{"orderAndPay", "1.5", `{"totalAmount":1,"currency":"IDR","subscriptionPlan":{"subscriptionNo":"SUB1","periodAmount":null,"trialConfig":null}}`,
			[]string{"/data/totalAmount IDR 1"}},
		{"orderAndPay", "1.5", `{"totalAmount":1,"currency":"IDR","subscriptionPlan":{"merchantSubscriptionNo":"SUB1","currentPeriod":2}}`,
			[]string{"/data/totalAmount IDR 1"}},

		// A session moves nothing yet.
		{"applyDropinSession", "1.5", `{}`, nil},
		{"applyDropinSession", "1.5", `{"currency":"IDR"}`, nil},
		{"applyDropinSession", "1.5", `{"totalAmount":null,"currency":7}`, nil},
		{"applyDropinSession", "1.6", `{"currency":"IDR"}`, nil},

		// Other broken rules do not matter.
		{"orderAndPay", "1.5", `{"totalAmount":1,"currency":"IDR","paymentDetail":7,"goodsDetails":{},"user_id":1,"userId":null}`,
			[]string{"/data/totalAmount IDR 1"}},
		{"applyDropinSession", "1.6", `{"totalAmount":5,"currency":"IDR"}`, []string{"/data/totalAmount IDR 5"}},
		{"applyDropinSession", "1.5", `{"totalAmount":"5","currency":"IDR"}`, []string{"/data/totalAmount IDR 5"}},
		{"orderAndPay", "1.5", `{"totalAmount":1.23456,"currency":"IDR"}`, []string{"/data/totalAmount IDR 3858/3125"}},
		{"orderAndPay", "1.5", `{"total\u0041mount":"\u0037","currency":"\u0049DR"}`, []string{"/data/totalAmount IDR 7"}},

		// The value counts, not its spelling, and all of its digits.
		{"capture", "1.4", `{"amount":"010","currency":"USD"}`, []string{"/data/amount USD 10"}},
		{"capture", "1.4", `{"amount":1999e-2,"currency":"USD"}`, []string{"/data/amount USD 1999/100"}},
		{"capture", "1.4", `{"amount":9007199254740993.01,"currency":"USD"}`, []string{"/data/amount USD 900719925474099301/100"}},
		{"capture", "1.4", `{"amount":` + strings.Repeat("9", 64) + `,"currency":"USD"}`, []string{"/data/amount USD " + strings.Repeat("9", 64)}},
		{"capture", "1.4", `{"amount":-0,"currency":"USD"}`, []string{"/data/amount USD 0"}},
		{"capture", "1.4", `{"amount":1e308,"currency":"USD"}`, []string{"/data/amount USD 1" + strings.Repeat("0", 308)}},

		// Endpoints that move no money do not examine the block.
		{"orderQuery", "1.4", `not JSON`, nil},
		{"cancel", "1.4", `{"amount":"?"}`, nil},
	} {
		amounts, err := lookup(t, tc.endpoint, tc.version).Amounts([]byte(tc.data))
		require.NoError(t, err, tc.data)
		assert.Equal(t, tc.want, written(amounts), tc.data)
	}
}

// Anything about money that is in doubt is an error, which names the row and repeats no
// value.
func TestAmountsInDoubt(t *testing.T) {
	order := func(more string) string { return `{"totalAmount":1,"currency":"IDR",` + more + `}` }
	for _, tc := range []struct{ data, says string }{
		// The amount.
		{`{"totalAmount":true,"currency":"IDR"}`, "data.totalAmount must be a number, or a plain decimal in a string"},
		{`{"totalAmount":[1],"currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":{"amount":1},"currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"1,000","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"1e3","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":" 1","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"0x10","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"1/2","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"Inf","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"-1","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":-1,"currency":"IDR"}`, "data.totalAmount must not be negative"},
		{`{"totalAmount":1e309,"currency":"IDR"}`, "data.totalAmount must not have an exponent beyond ±308"},
		{`{"totalAmount":1e999999999,"currency":"IDR"}`, "data.totalAmount must not have an exponent beyond ±308"},
		{`{"totalAmount":1e-999999999,"currency":"IDR"}`, "data.totalAmount must not have an exponent beyond ±308"},
		{`{"totalAmount":0e99999999999999999999,"currency":"IDR"}`, "data.totalAmount must not have an exponent"},
		{`{"totalAmount":` + strings.Repeat("9", 65) + `,"currency":"IDR"}`, "data.totalAmount must have at most 64 characters"},
		{`{"totalAmount":"` + strings.Repeat("9", 65) + `","currency":"IDR"}`, "data.totalAmount must have at most 64 characters"},

		// The amount is missing.
		{`{}`, "data.totalAmount is missing or null, so nothing bounds what the request would move; send an amount"},
		{`{"currency":"IDR"}`, "data.totalAmount is missing or null"},
		{`{"totalAmount":null,"currency":"IDR"}`, "data.totalAmount is missing or null"},
		{`{"totalAmount":{},"currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":[],"currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"\u0000","currency":"IDR"}`, "data.totalAmount must be a number"},
		{`{"totalAmount":"١","currency":"IDR"}`, "data.totalAmount must be a number"},
		{order(`"subscriptionPlan":{}`), "data.subscriptionPlan.periodAmount is missing or null"},
		{order(`"subscriptionPlan":{"periodAmount":null}`), "data.subscriptionPlan.periodAmount is missing or null"},
		{order(`"subscriptionPlan":{"periodAmount":{}}`), "data.subscriptionPlan.periodAmount.amount is missing or null, so nothing bounds what the request would move; send an amount such as 19.99"},
		{order(`"subscriptionPlan":{"subscriptionNo":"S","periodAmount":{"currency":"IDR"}}`), "data.subscriptionPlan.periodAmount.amount is missing or null"},
		{order(`"subscriptionPlan":{"subscriptionNo":"S","trialConfig":{}}`), "data.subscriptionPlan.trialConfig.trialAmount is missing or null"},
		{order(`"subscriptionPlan":{"subscriptionNo":"S","trialPeriodConfig":{"trialPeriodAmount":{}}}`), "data.subscriptionPlan.trialPeriodConfig.trialPeriodAmount.amount is missing or null"},

		// Its currency.
		{`{"totalAmount":1}`, "data.totalAmount must have the ISO 4217 code of a currency in use beside it, in currency"},
		{`{"totalAmount":1,"currency":null}`, "in currency"},
		{`{"totalAmount":1,"currency":360}`, "in currency"},
		{`{"totalAmount":1,"currency":"idr"}`, "in currency"},
		{`{"totalAmount":1,"currency":"QQQ"}`, "in currency"},
		{`{"totalAmount":0,"currency":"HRK"}`, "in currency"},

		// Names that could be taken for those of the amount and its currency.
		{order(`"total_amount":9`), "data.totalAmount must be spelt exactly like this"},
		{order(`"TotalAmount":null`), "data.totalAmount must be spelt exactly like this"},
		{order(`"total Amount":9`), "data.totalAmount must be spelt exactly like this"},
		{order(`" totalAmount":9`), "data.totalAmount must be spelt exactly like this"},
		{order("\"total\u200bAmount\":9"), "data.totalAmount must be spelt exactly like this"},
		{order(`"totalAmount\u0000":9`), "data.totalAmount must be spelt exactly like this"},
		{order(`"currency\u00a0":"USD"`), "data.currency must be spelt exactly like this"},
		{order(`"ſubscriptionPlan":{}`), "data.subscriptionPlan must be spelt exactly like this"},
		{order(`"subscriptıonPlan":{}`), "data.subscriptionPlan must be spelt exactly like this"},
		{order(`"subscriptionPlan":{"perİodAmount":{}}`), "data.subscriptionPlan.periodAmount must be spelt exactly like this"},
		{order(`"Currency":"USD"`), "data.currency must be spelt exactly like this"},
		{order(`"subscription-plan":{}`), "data.subscriptionPlan must be spelt exactly like this"},
		{order(`"subscriptionPlan":{"periodamount":{"amount":9,"currency":"IDR"}}`), "data.subscriptionPlan.periodAmount must be spelt exactly like this"},
		{order(`"subscriptionPlan":{"periodAmount":{"amount":1,"currency":"IDR","AMOUNT":9}}`), "data.subscriptionPlan.periodAmount.amount must be spelt exactly like this"},

		// The objects around them.
		{order(`"subscriptionPlan":"{}"`), "data.subscriptionPlan must be a JSON object"},
		{order(`"subscriptionPlan":[{"periodAmount":{}}]`), "data.subscriptionPlan must be a JSON object"},
		{order(`"subscriptionPlan":{"periodAmount":20}`), "data.subscriptionPlan.periodAmount must be a JSON object"},
		{order(`"subscriptionPlan":{"subscriptionNo":"S","trialConfig":{"trialAmount":{"amount":4}}}`), "data.subscriptionPlan.trialConfig.trialAmount.amount must have the ISO 4217 code"},
		{order(`"totalAmount":2`), "data must be valid JSON without duplicate names"},
		{order(`"extra":{"a":1,"a":2}`), "data must be valid JSON without duplicate names"},
		{`{"totalAmount":1`, "data must be valid JSON"},
		{`{} {}`, "data must be valid JSON"},
		{`[]`, "data must be a JSON object"},
		{`null`, "data must be a JSON object"},
		{``, "data must be a JSON object"},
		{"{\"\xff\":1}", "data must be valid JSON"},
	} {
		amounts, err := lookup(t, "orderAndPay", "1.5").Amounts([]byte(tc.data))
		assert.ErrorContains(t, err, tc.says, tc.data)
		assert.Nil(t, amounts, tc.data)
	}
}

// An endpoint that moves money must not omit its amount, whatever its table requires. The
// error points to what is missing.
func TestAmountsAreNeverAbsent(t *testing.T) {
	for endpoint, amount := range map[string]string{"orderAndPay": "totalAmount", "refund": "refundAmount", "capture": "amount"} {
		currency := map[string]string{"refund": "refundCurrency"}[endpoint]
		if currency == "" {
			currency = "currency"
		}
		for _, version := range validate.Versions(endpoint) {
			s := lookup(t, endpoint, version)
			for _, value := range []string{"", `null`, `""`, `{}`, `{"amount":1}`, `[]`, `[1]`, `true`, `"1,000"`, `"many"`, `"0x1"`} {
				data := `{"` + amount + `":` + value + `,"` + currency + `":"USD"}`
				if value == "" {
					data = `{"` + currency + `":"USD"}`
				}
				_, err := s.Amounts([]byte(data))
				problem, ok := errors.AsType[*validate.AmountError](err)
				require.True(t, ok, "%s %s: %v", endpoint, data, err)
				assert.Equal(t, "/data/"+amount, problem.Field, data)
			}
			for _, value := range []string{``, `,"` + currency + `":null`, `,"` + currency + `":""`, `,"` + currency + `":["USD"]`} {
				_, err := s.Amounts([]byte(`{"` + amount + `":1` + value + `}`))
				problem, ok := errors.AsType[*validate.AmountError](err)
				require.True(t, ok, "%s %s: %v", endpoint, value, err)
				assert.Equal(t, "/data/"+currency, problem.Field)
			}
		}
	}
}

// fastjson2 identifies a name of eight characters by the characters themselves, and a
// longer one by a hash of eight bytes. Names that only that parser would confuse are refused
// as well.
func TestAmountsUnderACollidingName(t *testing.T) {
	for _, name := range []string{"totalAmount", "subscriptionPlan"} {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(name))
		var colliding []rune
		for _, b := range binary.LittleEndian.AppendUint64(nil, hash.Sum64()) {
			colliding = append(colliding, rune(b))
		}
		data, err := json.Marshal(map[string]any{"totalAmount": 1, "currency": "IDR", string(colliding): 99999999})
		require.NoError(t, err)
		_, err = lookup(t, "orderAndPay", "1.5").Amounts(data)
		assert.ErrorContains(t, err, "data."+name+" must be spelt exactly like this")
	}
}

// A literal for an enormous number costs no more than any other literal.
func TestAmountsAreBounded(t *testing.T) {
	s := lookup(t, "capture", "1.4")
	few := func(data string) float64 {
		return testing.AllocsPerRun(10, func() { _, _ = s.Amounts([]byte(data)) })
	}
	usual := few(`{"amount":100,"currency":"USD"}`)
	for _, amount := range []string{`1e999999999`, `1e-999999999`, `1E+99999999999999999999`, strings.Repeat("9", 60_000)} {
		assert.LessOrEqual(t, few(`{"amount":`+amount+`,"currency":"USD"}`), usual+5, short(amount))
	}
}
