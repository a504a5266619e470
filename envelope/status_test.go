package envelope

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An answer has one status, in its data, or no data at all. In all other cases, the
// outcome of the call is unclear.
func TestReadStatus(t *testing.T) {
	const unclear = "unclear"
	for members, want := range map[string]string{
		``:                      "",
		`,"data":null`:          "",
		`,"data":{}`:            "",
		`,"data": {` + "\t\n }": "",
		`,"data":{},"a":[{"b":"status"}],"c":"status"`: "", // values, not names

		`,"data":{"status":"FAILED"}`:                                "FAILED",
		`,"data":{"a":["status",{"b":{}}],"st\u0061tus":"\u0046\""}`: `F"`,
		`,"a":{"data":{}},"data":{"status":"FAILED"}`:                "FAILED",

		`,"data":{"a":1}`:                             unclear,
		`,"data":{"status":""}`:                       unclear,
		`,"data":{"status":null}`:                     unclear,
		`,"data":{"status":1}`:                        unclear,
		`,"data":{"status":["FAILED"]}`:               unclear,
		`,"data":{"a":{"status":"FAILED"}}`:           unclear,
		`,"data":[]`:                                  unclear,
		`,"data":[{"status":"FAILED"}]`:               unclear,
		`,"data":"FAILED"`:                            unclear,
		`,"data":true`:                                unclear,
		`,"data":0`:                                   unclear,
		`,"status":"FAILED"`:                          unclear,
		`,"status":null,"data":{"status":"FAILED"}`:   unclear,
		`,"a":{"status":1},"data":{}`:                 unclear,
		`,"data":{"status":"FAILED","subStatus":"X"}`: unclear,
		`,"data":{"status":"FAILED","a":[[{"b":{"newS_t-atus1":null}}]]}`: unclear,
		`,"data":{"status":"FAILED","a":{"\u0053tatuses":[]}}`:            unclear,
	} {
		body := []byte(`{"code":"X"` + members + `}`)
		_, err := ReadAnswer(body, nil)
		require.NoError(t, err, members)
		status, ok := ReadStatus(body)
		if !ok {
			status += unclear
		}
		assert.Equal(t, want, status, members)
	}

	// A text that [ReadAnswer] does not accept has no status either.
	for _, body := range []string{``, `[]`, `{`, `{"data":{"status":"FAILED"}`, `{"data":{"status":"FAILED"}} x`, `{"data":{"status":"A","status":"B"}}`} {
		_, ok := ReadStatus([]byte(body))
		assert.False(t, ok, body)
	}
}
