package validate_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// rules returns the rules under test.
func rules(t testing.TB, version string) *validate.RuleSet {
	t.Helper()
	s, ok := validate.Lookup("applyDropinSession", version)
	require.True(t, ok)
	return s
}

// broken lists violations as "pointer rule", the parts that programs rely on.
func broken(vs []validate.Violation) []string {
	var list []string
	for _, v := range vs {
		list = append(list, v.Field+" "+v.Rule)
	}
	return list
}

func TestLookup(t *testing.T) {
	for _, version := range []string{"1.4", "1.5", "1.6"} {
		s, ok := validate.Lookup("applyDropinSession", version)
		assert.True(t, ok, version)
		assert.NotNil(t, s, version)
	}
	for _, unknown := range [][2]string{
		{"applyDropinSession", "1.7"}, {"applyDropinSession", ""}, {"applydropinsession", "1.5"}, {"orderClose", "1.5"}, {"", ""},
	} {
		s, ok := validate.Lookup(unknown[0], unknown[1])
		assert.False(t, ok, unknown)
		assert.Nil(t, s, unknown)
	}
}

func TestVersions(t *testing.T) {
	assert.Equal(t, []string{"1.4", "1.5", "1.6"}, validate.Versions("applyDropinSession"))
	assert.Equal(t, []string{"1.4", "1.5"}, validate.Versions("orderAndPay"))
	assert.Nil(t, validate.Versions("orderClose"))
}

// Any version can be declared. A version without a table is judged by the nearest one.
func TestNearest(t *testing.T) {
	for _, tc := range []struct{ endpoint, version, of string }{
		{"applyDropinSession", "1.0", "1.4"}, {"applyDropinSession", "1.1", "1.4"}, {"applyDropinSession", "1.4", "1.4"},
		{"applyDropinSession", "1.5", "1.5"}, {"applyDropinSession", "1.6", "1.6"}, {"applyDropinSession", "1.7", "1.6"},
		{"applyDropinSession", "1.10", "1.6"}, {"applyDropinSession", "2", "1.6"}, {"applyDropinSession", "1.5.1", "1.5"},
		{"applyDropinSession", "beta", "1.6"}, {"applyDropinSession", "", "1.6"},
		{"orderQuery", "1.2", "1.4"}, {"orderQuery", "1.6", "1.5"},
	} {
		s, of, ok := validate.Nearest(tc.endpoint, tc.version)
		require.True(t, ok, tc)
		assert.Equal(t, tc.of, of, tc)
		same, _ := validate.Lookup(tc.endpoint, of)
		assert.Same(t, same, s, tc)
	}
	_, _, ok := validate.Nearest("orderClose", "1.4")
	assert.False(t, ok)
}

// A block that is not the promised JSON gets one violation for the whole block.
func TestValidateBrokenBlock(t *testing.T) {
	for name, tc := range map[string]struct{ data, rule string }{
		"nil":                     {"", "syntax"},
		"space":                   {"  ", "syntax"},
		"word":                    {"payermax", "syntax"},
		"unclosed object":         {`{"currency":"IDR"`, "syntax"},
		"no colon":                {`{"currency"}`, "syntax"},
		"no value":                {`{"currency":}`, "syntax"},
		"number as name":          {`{1:2}`, "syntax"},
		"trailing comma":          {`{"currency":"IDR",}`, "syntax"},
		"second object":           {`{} {}`, "syntax"},
		"trailing letter":         {`{}x`, "syntax"},
		"duplicate name":          {`{"currency":"IDR","currency":"USD"}`, "syntax"},
		"escaped duplicate name":  {`{"currency":"IDR","\u0063urrency":"USD"}`, "syntax"},
		"duplicate name inside":   {`{"extra":{"a":1,"a":2}}`, "syntax"},
		"invalid UTF-8":           {"{\"userId\":\"\xff\"}", "syntax"},
		"invalid UTF-8 in a name": {"{\"\xff\":1}", "syntax"},
		"lone surrogate":          {`{"userId":"\ud800"}`, "syntax"},
		"too deep":                {`{"extra":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "syntax"},
		"null":                    {"null", "type"},
		"array":                   {"[]", "type"},
		"string":                  {`"{}"`, "type"},
		"number":                  {"15", "type"},
		"boolean":                 {"true", "type"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []string{"1.5", "1.6"} {
				vs := rules(t, version).Validate([]byte(tc.data))
				require.Equal(t, []string{"/data " + tc.rule}, broken(vs))
				assert.True(t, strings.HasPrefix(vs[0].Message, "data must be "), vs[0].Message)
			}
		})
	}
	assert.Equal(t, []string{"/data syntax"}, broken(rules(t, "1.5").Validate(nil)))
}

// A body full of mistakes must not get megabytes as an answer.
func TestValidateBoundsItsAnswer(t *testing.T) {
	data := `{"currency":"IDR","country":"ID","userId":"U1","componentList":[""` + strings.Repeat(`,""`, 20_000) + `]}`
	vs := rules(t, "1.6").Validate([]byte(data))
	require.Len(t, vs, 100)
	assert.Equal(t, "/data/componentList/99", vs[99].Field)

	disputed := strings.Repeat(`{"accountNoType":"X"},`, 200) + `{}`
	verdict := lookup(t, "orderAndPay", "1.5").Judge([]byte(`{"paymentDetail":{"payAccountInfo":[` + disputed + `]}}`))
	require.Len(t, verdict.Disputed, 100)
	assert.Equal(t, "data.paymentDetail.payAccountInfo[].accountNoType", verdict.Disputed[99].Row)
}

func TestValidateReportsAllInTableOrder(t *testing.T) {
	data := []byte(`{
		"componentList": ["CARD", 7, ""],
		"tokenForFutureUse": "yes",
		"referralCode": "` + strings.Repeat("r", 33) + `",
		"user_id": "U10001",
		"country": "id",
		"currency": "QQQ",
		"mitType": 7,
		"totalAmount": true
	}`)
	assert.Equal(t, []string{
		"/data/totalAmount type",
		"/data/mitType type",
		"/data/currency currency",
		"/data/country pattern",
		"/data/userId required",
		"/data/user_id lookAlike",
		"/data/referralCode maxLength",
		"/data/tokenForFutureUse type",
		"/data/componentList/1 type",
		"/data/componentList/2 required",
	}, broken(rules(t, "1.5").Validate(data)))
}

func TestValidateKeepsUnknownMembers(t *testing.T) {
	data := []byte(`{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U1",
		"":0,"total":1,"currencyCode":"USD","expireTime":"1800","riskParams":{"deep":[{"currency":null}]}}`)
	assert.Nil(t, rules(t, "1.5").Validate(data))
}

func TestValidateLooksAlike(t *testing.T) {
	for _, tc := range []struct {
		name    string
		pointer string // the field that the name is taken for, or "" if none
	}{
		{"totalamount", "totalAmount"},
		{"TOTALAMOUNT", "totalAmount"},
		{"total_amount", "totalAmount"},
		{"total-amount", "totalAmount"},
		{"__total__Amount--", "totalAmount"},
		{"Currency", "currency"},
		{"USER_ID", "userId"},
		{"user-Id", "userId"},
		{"uſerId", "userId"}, // long s
		{"userİd", "userId"}, // Java reads both Turkish letters as i
		{"userıd", "userId"},
		{"to\u212aenForFutureUse", "tokenForFutureUse"}, // Kelvin sign
		{`mit\u0074ype`, "mitType"},
		{"user id", "userId"},
		{"user\u200bId", "userId"}, // invisible
		{"user.id", ""},
		{"userIds", ""},
		{"user", ""},
		{"_", ""},
		{strings.Repeat("_", 300) + "x" + strings.Repeat("y", 300), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := []byte(`{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U1","` + tc.name + `":{}}`)
			vs := rules(t, "1.5").Validate(data)
			if tc.pointer == "" {
				assert.Nil(t, vs)
				return
			}
			name := strings.ReplaceAll(tc.name, `\u0074`, "t")
			require.Equal(t, []string{"/data/" + name + " lookAlike"}, broken(vs))
			assert.True(t, strings.HasPrefix(vs[0].Message, "data."+tc.pointer+" must be spelt exactly like this; "), vs[0].Message)
		})
	}
}

// A field of one version is an unknown member in another, and so is its look-alike.
func TestValidateLooksAlikePerVersion(t *testing.T) {
	data := []byte(`{"currency":"IDR","country":"ID","userId":"U1","totalAmount":1,"capture_mode":"MANUAL"}`)
	assert.Nil(t, rules(t, "1.5").Validate(data))

	data = []byte(`{"currency":"IDR","country":"ID","userId":"U1","totalAmount":"1","capture_mode":"MANUAL"}`)
	assert.Equal(t, []string{"/data/capture_mode lookAlike"}, broken(rules(t, "1.6").Validate(data)))
}

// One rule set serves concurrent requests.
func TestValidateConcurrently(t *testing.T) {
	s := rules(t, "1.5")
	valid := []byte(`{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U1","componentList":["CARD"]}`)
	invalid := []byte(`{"totalAmount":1.5,"currency":"IDR","country":"ID","userId":"U1","componentList":[""]}`)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 200 {
				assert.Nil(t, s.Validate(valid))
				assert.Equal(t, []string{"/data/totalAmount decimals", "/data/componentList/0 required"}, broken(s.Validate(invalid)))
			}
		})
	}
	wg.Wait()
}
