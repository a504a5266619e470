package validate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

func TestWithin(t *testing.T) {
	contract := validate.Contract{
		Currencies: []string{"IDR", "USD"}, Countries: []string{"ID"}, Components: []string{"CARD", "APPLEPAY"},
	}
	for _, tc := range []struct {
		endpoint, version, data string
		want                    []string
	}{
		{"applyDropinSession", "1.5", `{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U1","componentList":["CARD","APPLEPAY"]}`, nil},
		{"applyDropinSession", "1.5", `{"totalAmount":1,"currency":"EUR","country":"DE","userId":"U1","componentList":["CARD","GOOGLEPAY","X"]}`,
			[]string{"/data/currency contract", "/data/country contract", "/data/componentList/1 contract", "/data/componentList/2 contract"}},

		// A value that is broken anyway is reported only for that.
		{"applyDropinSession", "1.6", `{"currency":"idr","country":"XX","userId":"U1","componentList":["PIX","GOOGLEPAY"]}`,
			[]string{"/data/currency pattern", "/data/country country", "/data/componentList/0 enum", "/data/componentList/1 contract"}},

		{"orderAndPay", "1.5", order(`"currency":"USD","country":"ID"`), nil},
		{"orderAndPay", "1.5", order(`"currency":"USD"`), nil}, // no country is not outside the contract
		{"orderAndPay", "1.5", order(`"currency":"EUR","country":"UN"`), []string{"/data/currency contract", "/data/country contract"}},
		{"orderAndPay", "1.5", order(`"currency":"IDR","paymentDetail":{"paymentMethodType":"WALLET","targetOrg":"DANA"}`),
			[]string{"/data/paymentDetail/paymentMethodType contract"}},
		{"orderAndPay", "1.5", order(`"currency":"IDR","paymentDetail":{"paymentMethodType":"","targetOrg":""}`), nil}, // means all contracted methods
		{"orderAndPay", "1.5", order(`"currency":"IDR","subscriptionPlan":{"subscriptionNo":"S","periodAmount":{"amount":1,"currency":"EUR"}}`),
			[]string{"/data/subscriptionPlan/periodAmount/currency contract"}},

		// Currencies and countries that are not charged may be anything.
		{"orderAndPay", "1.5", order(`"currency":"IDR","goodsDetails":[{"goodsId":"1","goodsName":"a","quantity":"1","price":"1","goodsCurrency":"EUR"}],
			"billingInfo":{"email":"e","address1":"a","city":"c","country":"DE"}`), nil},

		{"refund", "1.4", `{"outRefundNo":"R1","outTradeNo":"P1","refundAmount":1,"refundCurrency":"EUR"}`, []string{"/data/refundCurrency contract"}},
		{"capture", "1.4", `{"requestId":"C1","outTradeNo":"P1","amount":1,"currency":"EUR"}`, []string{"/data/currency contract"}},
		{"orderQuery", "1.4", `{"outTradeNo":"P1"}`, nil},
	} {
		s := lookup(t, tc.endpoint, tc.version)
		assert.Equal(t, tc.want, broken(s.Within(contract).Validate([]byte(tc.data))), tc.data)
		for _, v := range s.Validate([]byte(tc.data)) {
			assert.NotEqual(t, "contract", v.Rule, "the rules it was called on have changed")
		}
		assert.Equal(t, s.Validate([]byte(tc.data)), s.Within(validate.Contract{}).Validate([]byte(tc.data)), "an empty contract covers anything")
	}
}

// order returns an order for the cashier.
func order(more string) string {
	return `{"outTradeNo":"P1","integrate":"Hosted_Checkout","subject":"s","totalAmount":1,"userId":"U1",
		"frontCallbackUrl":"https://shop.example",` + more + `}`
}

func TestWithinSaysWhatIsCovered(t *testing.T) {
	s := lookup(t, "refund", "1.4").Within(validate.Contract{Currencies: []string{"IDR", "USD"}})
	vs := s.Validate([]byte(`{"outRefundNo":"R1","outTradeNo":"P1","refundAmount":1,"refundCurrency":"EUR"}`))
	assert.Equal(t, []validate.Violation{{
		Field: "/data/refundCurrency", Rule: "contract", Row: "data.refundCurrency",
		Message: "data.refundCurrency must be one of the currencies that the contract covers: IDR, USD",
	}}, vs)
}

// The lists may change after the call; the rules do not.
func TestWithinCopies(t *testing.T) {
	contract := validate.Contract{Currencies: []string{"IDR"}}
	s := lookup(t, "refund", "1.4").Within(contract)
	contract.Currencies[0] = "EUR"
	assert.Nil(t, s.Validate([]byte(`{"outRefundNo":"R1","outTradeNo":"P1","refundAmount":1,"refundCurrency":"IDR"}`)))
}

func TestContractCheck(t *testing.T) {
	for _, c := range []validate.Contract{
		{},
		{Currencies: []string{"IDR", "USD", "VES"}, Countries: []string{"ID", "UN", "XK"}, Components: []string{"CARD", "BANK_TRANSFER", "PAY2", "AZ_09"}},
	} {
		assert.NoError(t, c.Check())
	}
	for _, tc := range []struct {
		contract validate.Contract
		says     string
	}{
		{validate.Contract{Currencies: []string{"IDR", "QQQ"}}, `currency "QQQ" is not an ISO 4217 code of a currency in use; use 3 capital letters such as IDR`},
		{validate.Contract{Currencies: []string{"idr"}}, `currency "idr" is not an ISO 4217 code`},
		{validate.Contract{Currencies: []string{""}}, `currency "" is not an ISO 4217 code`},
		{validate.Contract{Currencies: []string{"HRK"}}, `currency "HRK" has been replaced; use EUR`},
		{validate.Contract{Countries: []string{"ID", "UK"}}, `country "UK" is no ISO 3166-1 alpha-2 code; use 2 capital letters such as ID, or GB`},
		{validate.Contract{Countries: []string{"id"}}, `country "id" is no ISO 3166-1`},
		{validate.Contract{Countries: []string{"IDN"}}, `country "IDN" is no ISO 3166-1`},
		{validate.Contract{Countries: []string{"036"}}, `country "036" is no ISO 3166-1`},
		{validate.Contract{Components: []string{"card"}}, `component "card" is not a payment method type; use PayerMax's capitals, such as CARD`},
		{validate.Contract{Components: []string{"CARD@"}}, `component "CARD@" is not a payment method type`},
		{validate.Contract{Components: []string{"CARD["}}, `component "CARD[" is not a payment method type`},
		{validate.Contract{Components: []string{"CARD/"}}, `component "CARD/" is not a payment method type`},
		{validate.Contract{Components: []string{"CARD:"}}, `component "CARD:" is not a payment method type`},
		{validate.Contract{Components: []string{""}}, `component "" is not a payment method type`},
		{validate.Contract{Components: []string{"GOOGLE PAY"}}, `component "GOOGLE PAY" is not a payment method type`},
	} {
		require.ErrorContains(t, tc.contract.Check(), tc.says)
	}
}
