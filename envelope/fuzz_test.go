package envelope

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzRead checks five promises of the strict reader: it never panics; encoding/json
// accepts everything that the reader accepts; both find the same data; no name, at any
// depth, has a special meaning to Java's parsers; and a filled envelope is accepted
// again, with the same bytes as data.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"version":"1.1","keyVersion":"1","requestTime":"2022-01-17T09:05:52.194+00:00","appId":"app","merchantNo":"merchant","data":{"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}}`,
		`{"data":{"totalAmount":10000.00,"b":1e4,"c":[1,{"d":null}]}}`,
		`{"data":{"a":1,"\u0061":2}}`,
		"{\"data\":{\"a\":\"\\ud83d\\ude00 \u2028\"}, \"x\" : [ ] }\n",
		"\xef\xbb\xbf{}", `{"data":{}} {}`, `{"data":{"a":1e999}}`, `[[[[`, `{"Data":{}}`, "",
		`{"data":{"a":[{"$ref":"$.x"}]},"@type":"a"}`, `{"data":{"\u0024ref":"$"," @type":1,"$\u200b":{}}}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		e, err := Read(body)
		if !bytes.Equal(before, body) {
			t.Fatal("Read changed the body")
		}
		if err != nil {
			return
		}

		var lenient struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &lenient); err != nil {
			t.Fatalf("encoding/json refuses what Read accepts: %v", err)
		}
		if !bytes.Equal(lenient.Data, e.Data()) {
			t.Fatalf("encoding/json sees data %q, Read sees %q", lenient.Data, e.Data())
		}
		var everything any
		if err := json.Unmarshal(body, &everything); err != nil {
			t.Fatal(err)
		}
		if name, found := findReserved(everything); found {
			t.Fatalf("encoding/json finds a member %q", name)
		}

		e.Check(someone)
		filled := e.Fill(someone, someDay)
		again, err := Read(filled)
		if err != nil {
			t.Fatalf("the filled envelope is refused: %v\n%s", err, filled)
		}
		if !bytes.Equal(again.Data(), e.Data()) {
			t.Fatalf("data changed from %q to %q", e.Data(), again.Data())
		}
		if twice := again.Fill(someone, someDay); !bytes.Equal(filled, twice) {
			t.Fatalf("filling twice changes the envelope from %q to %q", filled, twice)
		}
	})
}

// findReserved looks in a decoded document for a member whose name begins, after white
// space, with a character that gives it a special meaning to parsers.
func findReserved(document any) (name string, found bool) {
	switch value := document.(type) {
	case map[string]any:
		for name, inner := range value {
			if trimmed := strings.TrimSpace(name); strings.HasPrefix(trimmed, "$") || strings.HasPrefix(trimmed, "@") {
				return name, true
			}
			if name, found := findReserved(inner); found {
				return name, true
			}
		}
	case []any:
		for _, inner := range value {
			if name, found := findReserved(inner); found {
				return name, true
			}
		}
	}
	return "", false
}
