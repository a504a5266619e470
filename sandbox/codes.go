package sandbox

import (
	"regexp"
	"strings"
)

var (
	currencyShape = regexp.MustCompile(`^[A-Z]{3}$`)
	countryShape  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// currencies are the ISO 4217 codes in use. Which of them PayerMax supports depends on the merchant's contract.
const currencies = "" +
	" AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP " +
	" CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG " +
	" HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL " +
	" MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR " +
	" RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD " +
	" TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG "

// countries are the ISO 3166-1 alpha-2 codes, XK, which banks use for Kosovo, and UN, which PayerMax uses when no
// particular country is meant (orders in a subscription guide for Drop-In; notifications).
const countries = "" +
	" AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY " +
	" BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK " +
	" FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR " +
	" IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK " +
	" ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM " +
	" PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF " +
	" TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW UN "

// noCountry stands for a country when no particular one is meant.
const noCountry = "UN"

// currency refuses a string member that is not a currency code. It accepts an absent member: that is for require to
// check.
func (o object) currency(name string) *refusal {
	return o.code(name, currencyShape, currencies, codeCurrencyInvalid)
}

// country refuses a string member that is not a country code. It accepts an absent member.
func (o object) country(name string) *refusal {
	return o.code(name, countryShape, countries, codeCountryInvalid)
}

// code refuses a string member that is not one of the known codes. The refusal has the code given as otherwise.
func (o object) code(name string, shape *regexp.Regexp, known, otherwise string) *refusal {
	text, refused := o.str(name)
	if refused != nil || !o.sent(name) {
		return refused
	}
	if !shape.MatchString(text) || !strings.Contains(known, " "+text+" ") {
		return refuse(otherwise)
	}
	return nil
}
