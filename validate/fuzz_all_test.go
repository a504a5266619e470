package validate

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// secret stands for personal data. It is a value in the seed blocks of the fuzz tests, and
// must not appear in a message.
const secret = "s3cretValue"

// seeds adds blocks for every endpoint: complete ones, ones with a secret in every field, and
// ones that are not valid blocks.
func seeds(f *testing.F) {
	for _, block := range full {
		f.Add([]byte(block))
		var decoded any
		if err := json.Unmarshal([]byte(block), &decoded); err != nil {
			f.Fatal(err)
		}
		secretive, err := json.Marshal(withSecrets(decoded))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(secretive)
	}
	for _, block := range []string{
		`{"totalAmount":1e999999999,"currency":"IDR"}`, `{"amount":"$","currency":"$"}`, `{"refundAmount":-1e-308,"refund_currency":"$"}`,
		`{"subscriptionPlan":{"periodAmount":{"amount":1,"amount":2},"trialConfig":[]}}`, `{"paymentDetail":{"payAccountInfo":["$",{"$":1}]}}`,
		`{"integrate":"Direct_Payment","paymentDetail":{"buyerInfo":{"clientIp":"$"}}}`, `{"goodsDetails":[{},{},null,7]}`,
		`["$"]`, `"$"`, `{"$":`, `{} "$"`, `null`, `""`, "\"\x12", ``, "\x00", "{\"\xff\":1}",
	} {
		f.Add([]byte(strings.ReplaceAll(block, "$", secret)))
	}
}

// withSecrets replaces every text with the secret.
func withSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = withSecrets(v[name])
		}
	case []any:
		for i := range v {
			v[i] = withSecrets(v[i])
		}
	case string:
		return secret
	}
	return v
}

// FuzzRuleSets passes arbitrary input to every rule set, within a contract. It must not
// panic, must give the same result twice and not too many violations, and each violation must
// point into the block and name the row without repeating a value.
func FuzzRuleSets(f *testing.F) {
	seeds(f)
	possible := make(map[*RuleSet]map[string]bool)
	for _, versions := range ruleSets {
		for _, s := range versions {
			within := s.Within(here)
			names, rows := rowsOf(s)
			possible[within] = make(map[string]bool)
			for _, row := range names {
				for _, rule := range canReport(rows[row], true) {
					possible[within][row+" "+rule] = true
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for s, reports := range possible {
			before := string(data)
			vs := s.Validate(data)
			assert.Equal(t, before, string(data), "the block has been changed")
			assert.Equal(t, vs, s.Validate(data))
			assert.LessOrEqual(t, len(vs), maxViolations)
			for _, v := range vs {
				assert.True(t, v.Field == "/data" || strings.HasPrefix(v.Field, "/data/"), v.Field)
				assert.True(t, reports[v.Row+" "+v.Rule], "%s cannot break %s", v.Row, v.Rule)
				assert.True(t, strings.HasPrefix(v.Message, "data"), v.Message)
				assert.NotContains(t, v.Message, secret)
				assert.Less(t, len(v.Message), 300)
			}
		}
	})
}

// FuzzAmountsOfBlocks passes arbitrary input to Amounts. It must not panic, and every amount
// that it returns must have a currency.
func FuzzAmountsOfBlocks(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, versions := range ruleSets {
			for _, s := range versions {
				amounts, err := s.Amounts(data)
				if err != nil {
					assert.Nil(t, amounts)
					assert.True(t, strings.HasPrefix(err.Error(), "data"), err.Error())
					assert.NotContains(t, err.Error(), secret)
				}
				for _, a := range amounts {
					assert.True(t, strings.HasPrefix(a.Field, "/data/"), a.Field)
					assert.Contains(t, currencyDecimals, a.Currency)
					assert.GreaterOrEqual(t, a.Value.Sign(), 0)
				}
			}
		}
	})
}

// simpleNumber matches an amount in usual notation.
var simpleNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,29})(\.[0-9]{1,20})?$`)

// FuzzAmounts compares the amounts that are understood with math/big. Simple
// numbers are always understood, as numbers and as strings.
func FuzzAmounts(f *testing.F) {
	for _, seed := range []string{"0", "-0", "100.50", "1e2", "15e-1", "1E+308", "1e309", "007", "0.10", "1.", ".1", "1_0", "1/2"} {
		f.Add(seed)
	}
	s := ruleSets["capture"]["1.4"]
	f.Fuzz(func(t *testing.T, literal string) {
		for _, quote := range []string{"", `"`} {
			amounts, err := s.Amounts([]byte(`{"amount":` + quote + literal + quote + `,"currency":"USD"}`))
			if err != nil || len(amounts) == 0 {
				assert.False(t, simpleNumber.MatchString(literal), literal)
				continue
			}
			want, ok := new(big.Rat).SetString(strings.TrimSpace(literal))
			if !ok {
				t.Skip() // escapes, or further members after a comma
			}
			assert.Zero(t, want.Cmp(amounts[0].Value), literal)
		}
	})
}
