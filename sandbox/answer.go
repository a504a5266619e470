package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// answerBody is the envelope of every answer: code and msg always, data on success ("Responses" on every interface
// page). APPLY_SUCCESS says that the request was accepted, never that anything was paid.
type answerBody struct {
	Code string `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data,omitempty"`
}

// answer writes the signed answer: data, or the refusal if there is one. Both are sent with status 200, as PayerMax
// puts its errors into the body ("Transaction status" page). Which refusals PayerMax signs is documented nowhere; here
// all of them are.
func (g *Gateway) answer(w http.ResponseWriter, call *Call, data any, refused *refusal) {
	body := answerBody{Code: "APPLY_SUCCESS", Msg: "Success.", Data: data}
	if refused != nil {
		body = answerBody{Code: refused.code, Msg: refused.msg}
	}
	raw, signature, err := g.seal(body)
	if err != nil {
		// Nothing unsigned may look like an answer of PayerMax's.
		answerPlain(w, call, http.StatusInternalServerError)
		return
	}
	call.Code, call.Msg, call.Answer, call.AnswerSign = body.Code, body.Msg, raw, signature

	header := w.Header()
	header.Set("Content-Type", "application/json;charset=UTF-8")
	header.Set("Content-Length", strconv.Itoa(len(raw)))
	header.Set(signHeader, signature)
	// A client that has gone away is no concern of the gateway's.
	_, _ = w.Write(raw)
}

// seal returns the bytes of an answer and their signature.
func (g *Gateway) seal(body answerBody) (raw []byte, signature string, err error) {
	if raw, err = json.Marshal(body); err == nil {
		signature, err = sign(g.key, raw)
	}
	return raw, signature, err
}

// answerPlain refuses a request that never reaches the interface itself, as a web server in front of it would.
func answerPlain(w http.ResponseWriter, call *Call, status int) {
	call.Answer = []byte(http.StatusText(status) + "\n")
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(call.Answer)))
	w.WriteHeader(status)
	_, _ = w.Write(call.Answer)
}
