package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// inUse lists the currencies of ISO 4217's list one, without funds, metals and
// test codes, by their minor units (after amendment 180, January 2026).
var inUse = map[int]string{
	0: `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF`,
	2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN
		BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB
		EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
		JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT
		MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP
		PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN
		SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST
		XCD XCG YER ZAR ZMW ZWG`,
	3: `BHD IQD JOD KWD LYD OMR TND`,
}

// payerMax lists the currencies whose decimals are known from PayerMax itself: its documented
// exceptions, and the currencies of its global row for cards, Apple Pay and Google Pay.
var payerMax = map[int]string{
	0: `CLP COP IDR ISK JPY KRW PKR PYG TWD VND`,
	2: `AED AUD AZN BDT BHD BOB BRL CAD CHF CZK DKK DZD EGP EUR GBP HKD ILS INR
		IQD JOD KWD LYD MAD MDL MMK MXN MYR NOK NZD OMR PEN PHP QAR RON SAR SGD
		THB TND TRY USD UYU ZAR`,
}

// decimalsOf determines by trial how many decimals an amount may have. It returns -1 for an
// unknown currency.
func decimalsOf(t *testing.T, code string) int {
	t.Helper()
	for decimals, amount := range []string{"1", "0.1", "0.01", "0.001", "0.0001"} {
		switch broken := amountRules(t, amount, code); {
		case broken == nil:
			continue
		case broken[0] == "currency":
			require.Zero(t, decimals)
			return -1
		default:
			require.Equal(t, []string{"decimals"}, broken)
			return decimals - 1
		}
	}
	require.Fail(t, "no limit", code)
	return 0
}

// Every code from AAA to ZZZ is either a currency in use, with the decimals of ISO 4217
// except where PayerMax differs, or refused.
func TestCurrencies(t *testing.T) {
	want := make(map[string]int)
	for _, layer := range []map[int]string{inUse, payerMax} {
		for decimals, codes := range layer {
			for _, code := range strings.Fields(codes) {
				want[code] = decimals
			}
		}
	}
	require.Len(t, want, 155)

	got := make(map[string]int)
	s := rules(t, "1.5")
	for code := range codes(3) {
		data := `{"totalAmount":1,"currency":"` + code + `","country":"ID","userId":"U1"}`
		if s.Validate([]byte(data)) == nil {
			got[code] = decimalsOf(t, code)
		}
	}
	assert.Equal(t, want, got)

	inUse := make(map[string]int)
	for code := range codes(3) {
		if decimals, ok := validate.Decimals(code); ok {
			inUse[code] = decimals
		}
	}
	assert.Equal(t, want, inUse)
}

func TestCurrenciesRefused(t *testing.T) {
	for _, codes := range []string{
		"HRK BGN ANG CUC SLL MRO VEF ZWL STD BYR LTL LVL EEK DEM FRF ITL TRL ROL ZMK", // withdrawn
		"BOV CHE CHW CLF COU MXV USN UYI UYW XDR XSU XUA",                             // funds
		"XAG XAU XPD XPT XBA XBB XBC XBD",                                             // metals and bonds
		"XXX XTS",                                                                     // no currency, and testing
		"BTC CNH RMB GGP AAA ZZZ",                                                     // not in ISO 4217
	} {
		for _, code := range strings.Fields(codes) {
			assert.Equal(t, -1, decimalsOf(t, code), code)
		}
	}
}

func TestWithdrawnCurrencyNamesItsSuccessor(t *testing.T) {
	for code, successor := range map[string]string{
		"ANG": "XCG", "BGN": "EUR", "CUC": "CUP", "HRK": "EUR", "MRO": "MRU", "SLL": "SLE", "VEF": "VES",
	} {
		vs := rules(t, "1.6").Validate([]byte(`{"currency":"` + code + `","country":"ID","userId":"U1"}`))
		assert.Equal(t, []validate.Violation{{
			Field:   "/data/currency",
			Rule:    "currency",
			Row:     "data.currency",
			Message: "data.currency must be a currency in use, and " + code + " has been replaced; send " + successor,
		}}, vs)
		assert.NotEqual(t, -1, decimalsOf(t, successor))
	}
}
