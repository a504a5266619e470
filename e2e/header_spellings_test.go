package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// spellings are header fields as people and programs write them. They are treated alike in a call,
// in a notification and in an answer from PayerMax. Harmless ones pass; a body in any other coding
// or type is refused, with an error that names it.
var spellings = map[string]struct {
	fields    []string
	isRefused bool
}{
	"plain":                     {[]string{"Content-Type: application/json"}, false},
	"UTF-8":                     {[]string{"Content-Type: application/json; charset=UTF-8"}, false},
	"utf8":                      {[]string{"Content-Type: application/json;charset=utf8"}, false},
	"quoted":                    {[]string{`Content-Type: application/json; charset="utf-8"`}, false},
	"in single quotes":          {[]string{`Content-Type: application/json; charset='utf-8'`}, false},
	"capitals":                  {[]string{"CONTENT-TYPE: Application/JSON; Charset=Utf_8"}, false},
	"a coding that is a set":    {[]string{"Content-Encoding: UTF-8"}, false},
	"an empty coding":           {[]string{"Content-Encoding:"}, false},
	"identity":                  {[]string{"Content-Encoding: identity"}, false},
	"a transfer's coding":       {[]string{"Content-Encoding: 8bit"}, false},
	"an empty sign beside":      {[]string{"sign:"}, false},
	"a sign of white space":     {[]string{"sign:   "}, false},
	"gzip, which it is not":     {[]string{"Content-Encoding: gzip"}, true},
	"several, one of them real": {[]string{"Content-Encoding: utf-8, br"}, true},
}

// A harmless spelling passes in all three places, and any other is refused in all three.
func TestHeaderSpellings(t *testing.T) {
	t.Parallel()
	app, gateway := startApplication(t), newUpstream(t)
	site := startSite(t, notifyBlock(t, "/payermax/callback*"), "reverse_proxy "+app.address)
	s := startSidecar(t, setup{gateway: gateway.url()})
	for name, spelling := range spellings {
		gateway.answers(ownSession)
		called := s.post(t, validBody(), spelling.fields...)
		notified := site.send(t, notifying("/payermax/callback", paid(), spelling.fields...))
		gateway.answers(answerWith(message("200 OK", success, append([]string{signField(success)}, spelling.fields...)...)))
		answered := s.post(t, validBody())
		if spelling.isRefused {
			requireRefusal(t, called, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
			requireRefusal(t, notified, http.StatusUnsupportedMediaType, "NOTIFICATION_REFUSED")
			requireRefusal(t, answered, http.StatusBadGateway, "CHECK_SIGN_ERROR")
			continue
		}
		assert.Equal(t, http.StatusOK, called.status, "a call, %s: %s", name, called.raw)
		assert.Equal(t, http.StatusOK, notified.status, "a notification, %s: %s", name, notified.raw)
		assert.Equal(t, http.StatusOK, answered.status, "an answer, %s: %s", name, answered.raw)
		assert.Contains(t, answered.header.Get("Proxy-Status"), "answer verified", name)
		requireProof(t, app.taken(), paid())
	}
}

// An error from PayerMax whose sign field is empty counts as unsigned.
func TestEmptySignOfAnError(t *testing.T) {
	t.Parallel()
	const refused = `{"code":"PARAMS_INVALID","msg":"no"}`
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})
	var answers []string
	for _, fields := range [][]string{nil, {"sign:"}, {"sign:  "}, {"Sign:", "sign: "}} {
		gateway.answers(answerWith(message("200 OK", refused, append(fields, "Content-Type: application/json")...)))
		res := s.post(t, validBody())
		assert.Empty(t, res.header["Sign"])
		answers = append(answers, string(res.body)+res.header.Get("Proxy-Status"))
		assert.Equal(t, answers[0], answers[len(answers)-1], fields)
	}
	assert.Contains(t, answers[0], "PARAMS_INVALID")
}
