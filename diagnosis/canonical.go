package diagnosis

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// dataTwice yields the bodies whose data block was turned into JSON twice before signing,
// so that it is a string.
func dataTwice(body []byte) candidates {
	root, err := parse(body)
	if err != nil || root.member("data") == nil {
		return none
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	texts := []string{string(root.member("data").write(nil, &plain, 0))}
	if json.Unmarshal(body, &envelope) == nil {
		texts = append(texts, string(envelope.Data))
	}
	return func(yield func(Finding, []byte) bool) {
		for _, text := range texts {
			twice := &node{kind: root.kind, names: root.names}
			for i, name := range root.names {
				value := root.values[i]
				if name == "data" {
					value = &node{kind: 's', text: text}
				}
				twice.values = append(twice.values, value)
			}
			if !inNotations(twice, fewPeculiarities, JSONString, "the same JSON with its data block as a string", "Put the object into data, and serialise the whole once.", yield) {
				return
			}
		}
	}
}

// dataOnce yields the bodies whose data block was serialised a second time only for sending:
// it is a string in the body, but the object in it was signed.
func dataOnce(body []byte) candidates {
	root, err := parse(body)
	if err != nil {
		return none
	}
	text := root.member("data")
	if text == nil || text.kind != 's' {
		return none
	}
	data, err := parse([]byte(text.text))
	if err != nil || data.kind != '{' {
		return none
	}
	return func(yield func(Finding, []byte) bool) {
		inNotations(root.withMember("data", data), fewPeculiarities, JSONString,
			"the same JSON with its data block as an object, which is a string in this body", "Put the object into data, and serialise the whole once.", yield)
	}
}

// webSignatures yields the texts that JSON Web Signatures cover: a header, followed by
// the body in URL-safe base64 (RFC 7515 section 5.1) or unencoded (RFC 7797 section 3).
// Only headers with little more than the algorithm are tried.
func webSignatures(body []byte) candidates {
	finding := Finding{CanonicalText, "The signature is that of a JSON Web Signature (JWS), which covers a header and this body in base64. PayerMax's signature covers the body alone, as it is sent."}
	return func(yield func(Finding, []byte) bool) {
		for _, header := range []string{`{"alg":"RS256"}`, `{"alg":"RS256","typ":"JWT"}`, `{"typ":"JWT","alg":"RS256"}`, `{"alg":"RS256","b64":false,"crit":["b64"]}`} {
			before := base64.RawURLEncoding.AppendEncode(nil, []byte(header))
			before = append(before, '.')
			if !yield(finding, base64.RawURLEncoding.AppendEncode(slices.Clip(before), body)) || !yield(finding, slices.Concat(before, body)) {
				return
			}
		}
	}
}

// named yields the body as the value of a form's only field.
func named(body []byte) candidates {
	return func(yield func(Finding, []byte) bool) {
		for _, name := range []string{"data", "body", "json", "params", "param", "content", "biz_content", "bizContent", "request", "payload"} {
			for _, value := range []string{string(body), url.QueryEscape(string(body))} {
				if !yield(Finding{QueryString, "The signature covers this body as the value of a form's field, behind a name such as data=. Sign the JSON as it is sent, and nothing in front of it."}, []byte(name+"="+value)) {
					return
				}
			}
		}
	}
}

// canonicalTexts yields the texts that other gateways require to be signed: the body
// together with a method, a path, a time or an identity.
func canonicalTexts(body []byte) candidates {
	var beside struct {
		RequestTime string `json:"requestTime"`
		AppID       string `json:"appId"`
		MerchantNo  string `json:"merchantNo"`
	}
	_ = json.Unmarshal(body, &beside) // members that are missing are not tried
	values := [][]string{{beside.RequestTime}, {beside.AppID}, {beside.MerchantNo}, {beside.AppID, beside.RequestTime}, {beside.RequestTime, beside.AppID}}
	for _, e := range protocol.Endpoints() {
		path := e.Path()
		values = append(values, []string{path}, []string{"POST", path}, []string{"POST " + path}, []string{"POST", path, beside.RequestTime},
			[]string{"POST", path, beside.AppID, beside.RequestTime}, []string{"POST " + path, beside.AppID, beside.RequestTime})
	}
	finding := Finding{CanonicalText, "The signature covers this body together with something else, such as a method, a path, a time or an appId. Other gateways require that; PayerMax's signature covers the body only."}
	return func(yield func(Finding, []byte) bool) {
		for _, parts := range values {
			if strings.Join(parts, "") == "" {
				continue
			}
			for _, separator := range []string{"", "\n", "&", ".", "|", "\r\n"} {
				before := []byte(strings.Join(parts, separator))
				for _, text := range [][]byte{
					bytes.Join([][]byte{before, body}, []byte(separator)),
					bytes.Join([][]byte{body, before}, []byte(separator)),
					bytes.Join([][]byte{before, body, nil}, []byte(separator)),
				} {
					if !yield(finding, text) {
						return
					}
				}
			}
		}
	}
}
