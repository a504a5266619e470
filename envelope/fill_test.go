package envelope

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	someone = Identity{Version: "1.5", KeyVersion: "1", AppID: "app", MerchantNo: "merchant"}
	someDay = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
)

func read(t *testing.T, body string) *Envelope {
	t.Helper()
	e, err := Read([]byte(body))
	require.NoError(t, err)
	return e
}

func TestFill(t *testing.T) {
	const filled = `{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"app","merchantNo":"merchant"`

	for _, test := range []struct {
		name, body, want string
		identity         Identity
	}{
		{
			"only data", `{"data":{"a":1}}`,
			filled + `,"data":{"a":1}}`, someone,
		},
		{
			"the sidecar's members replace the application's, whatever their type",
			`{"version":1.1,"keyVersion":{"a":[]},"requestTime":null,"appId":"app","merchantNo":"merchant","data":{}}`,
			filled + `,"data":{}}`, someone,
		},
		{
			"even one that claims nothing is not written beside the sidecar's",
			`{"merchantNo":null,"appId":"","merchantAppId":null,"keyVersion":"","data":{}}`,
			filled + `,"data":{}}`, someone,
		},
		{
			"the old name of appId goes",
			`{"merchantAppId":"app","data":{}}`,
			filled + `,"data":{}}`, someone,
		},
		{
			"unknown members are kept, in order, before data",
			`{"z":[1, 2],"data":{"b":2},"a\u0062":"\u00e9"}`,
			filled + `,"z":[1, 2],"ab":"\u00e9","data":{"b":2}}`, someone,
		},
		{
			"the application's merchantNo is kept when none is configured",
			`{"merchantNo":"their own","data":{}}`,
			`{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"app","merchantNo":"their own","data":{}}`,
			Identity{Version: "1.5", KeyVersion: "1", AppID: "app"},
		},
		{
			"no merchantNo at all", `{"data":{}}`,
			`{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"app","data":{}}`,
			Identity{Version: "1.5", KeyVersion: "1", AppID: "app"},
		},
		{
			"service provider", `{"data":{}}`,
			`{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"app","merchantNo":"sub","spMerchantNo":"provider","data":{}}`,
			Identity{Version: "1.5", KeyVersion: "1", AppID: "app", MerchantNo: "sub", SPMerchantNo: "provider"},
		},
		{
			"the application's own spMerchantNo is written once",
			`{"spMerchantNo":"provider","data":{}}`,
			`{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"app","merchantNo":"sub","spMerchantNo":"provider","data":{}}`,
			Identity{Version: "1.5", KeyVersion: "1", AppID: "app", MerchantNo: "sub", SPMerchantNo: "provider"},
		},
		{
			"the application's spMerchantNo is kept when none is configured",
			`{"spMerchantNo":"their own","data":{}}`,
			filled + `,"spMerchantNo":"their own","data":{}}`, someone,
		},
		{
			"configured values are quoted", `{"data":{}}`,
			`{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"a\"b\\","data":{}}`,
			Identity{Version: "1.5", KeyVersion: "1", AppID: `a"b\`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := read(t, test.body).Fill(test.identity, someDay)
			assert.Equal(t, test.want, string(got))
			assert.True(t, json.Valid(got))
		})
	}
}

// requestTime always has three fraction digits and the offset +00:00, whatever the time
// and its zone.
func TestFillWritesRequestTimeInUTC(t *testing.T) {
	kolkata := time.FixedZone("", 5*3600+1800)
	newfoundland := time.FixedZone("", -(3*3600 + 1800))
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05.000+00:00"},
		{time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.UTC), "2026-01-02T03:04:05.120+00:00"},
		{time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC), "2026-01-02T03:04:05.999+00:00"},
		{time.Date(2026, 1, 1, 2, 0, 0, 0, kolkata), "2025-12-31T20:30:00.000+00:00"},
		{time.Date(2025, 12, 31, 23, 0, 0, 1_000_000, newfoundland), "2026-01-01T02:30:00.001+00:00"},
	} {
		got := read(t, `{"data":{}}`).Fill(someone, test.at)
		assert.Contains(t, string(got), `"requestTime":"`+test.want+`"`)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, body string
		identity   Identity
		fields     []string
		rule       string
	}{
		{"nothing claimed", `{"data":{}}`, someone, nil, ""},
		{"the same", `{"appId":"app","merchantAppId":"app","merchantNo":"merchant","data":{}}`, someone, nil, ""},
		{"the same, escaped", `{"appId":"\u0061pp","data":{}}`, someone, nil, ""},
		{"null and empty claim nothing", `{"appId":null,"merchantNo":"","data":{}}`, someone, nil, ""},
		{"another application", `{"appId":"other","data":{}}`, someone, []string{"/appId"}, "mismatch"},
		{"another application by its old name", `{"merchantAppId":"other","data":{}}`, someone, []string{"/merchantAppId"}, "mismatch"},
		{"another application and merchant", `{"merchantNo":"other","appId":"other","data":{}}`, someone, []string{"/merchantNo", "/appId"}, "mismatch"},
		{"another spelling of the merchant", `{"merchantNo":"Merchant","data":{}}`, someone, []string{"/merchantNo"}, "mismatch"},
		{"a blank beside the merchant", `{"merchantNo":"merchant ","data":{}}`, someone, []string{"/merchantNo"}, "mismatch"},
		{"the merchant's number as a number", `{"merchantNo":1,"data":{}}`, Identity{MerchantNo: "1"}, []string{"/merchantNo"}, "mismatch"},
		{"not a string", `{"appId":["app"],"data":{}}`, someone, []string{"/appId"}, "mismatch"},
		{"a service provider's other number", `{"spMerchantNo":"x","data":{}}`, Identity{SPMerchantNo: "y"}, []string{"/spMerchantNo"}, "mismatch"},
		{"a service provider's own number", `{"spMerchantNo":"x","data":{}}`, Identity{}, nil, ""},
		{"a service provider's number as a number", `{"spMerchantNo":1,"data":{}}`, Identity{}, []string{"/spMerchantNo"}, "type"},
		{"own merchantNo, none configured", `{"merchantNo":"` + strings.Repeat("é", 32) + `","data":{}}`, Identity{}, nil, ""},
		{"own merchantNo too long", `{"merchantNo":"` + strings.Repeat("1", 33) + `","data":{}}`, Identity{}, []string{"/merchantNo"}, "maxLength"},
		{"own merchantNo an object", `{"merchantNo":{},"data":{}}`, Identity{}, []string{"/merchantNo"}, "type"},
		{"own merchantNo not a string", `{"merchantNo":1,"data":{}}`, Identity{}, []string{"/merchantNo"}, "type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var fields []string
			for _, problem := range read(t, test.body).Check(test.identity) {
				fields = append(fields, problem.Field)
				assert.Equal(t, test.rule, problem.Rule)
				assert.NotContains(t, problem.Message, "other")
			}
			assert.Equal(t, test.fields, fields)
		})
	}
	problems := read(t, `{"merchantNo":{},"data":{}}`).Check(Identity{})
	require.Len(t, problems, 1)
	assert.Equal(t, "merchantNo must be a string, but is an object", problems[0].Message)
}
