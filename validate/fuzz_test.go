package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// canary stands for personal data. It is a value in every fuzzed body, and must not appear in
// a message.
const canary = "c4nary7Value"

// FuzzValidate passes arbitrary input to Validate. It must not panic, must give the same
// result twice, and must point into the block without repeating its values.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		publishedExample,
		`{"totalAmount":19.99,"currency":"USD","country":"US","userId":"$","mitType":"$","referralCode":"$"}`,
		`{"totalAmount":"$","currency":"$","country":"$","userId":["$"],"tokenForFutureUse":"$","componentList":["$",{"$":1}]}`,
		`{"totalAmount":-1e-308,"currency":"IDR","user_id":"$","Currency":"$","componentList":[null,"",7]}`,
		`{"totalAmount":"0","mitType":null,"captureMode":"$","authorizationType":"$","componentList":"$"}`,
		`{"userId":"\u0024\ud83d\ude00$","\u0063urrency":"QQQ","country":"UN"}`,
		`["$"]`, `"$"`, `{"$":`, `{} "$"`, `null`, ``, "\x00", "{\"\xff\":1}",
	} {
		f.Add([]byte(strings.ReplaceAll(seed, "$", canary)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, version := range validate.Versions("applyDropinSession") {
			s := rules(t, version)
			before := string(data)
			vs := s.Validate(data)
			assert.Equal(t, before, string(data), "the block has been changed")
			assert.Equal(t, vs, s.Validate(data))
			for _, v := range vs {
				assert.True(t, v.Field == "/data" || strings.HasPrefix(v.Field, "/data/"), v.Field)
				assert.NotEmpty(t, v.Rule)
				assert.True(t, strings.HasPrefix(v.Message, "data"), v.Message)
				assert.NotContains(t, v.Message, canary)
				assert.Less(t, len(v.Message), 300)
			}
		}
	})
}
