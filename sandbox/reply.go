package sandbox

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"time"
)

// answerBody is the envelope of every answer: code and msg always, data on success ("Responses" on every interface
// page). APPLY_SUCCESS says that the request was accepted, never that anything was paid.
type answerBody struct {
	Code string `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data,omitempty"`
}

const (
	jsonType = "application/json;charset=UTF-8"
	textType = "text/plain; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
)

// reply is an answer before it is written, so that a fault can still strike it.
type reply struct {
	status      int
	contentType string
	body        []byte

	// sign is the sign header, which plain text has none of.
	sign string

	// length is the Content-Length, more than the body's when the body is cut.
	length int

	// dateSkew is how far the Date header is ahead of the gateway's clock.
	dateSkew time.Duration

	// reset says that the connection ends instead.
	reset bool
}

// answer returns the signed answer: data, or the refusal if there is one. Both are sent with status 200, as PayerMax
// puts its errors into the body ("Transaction status" page). Which refusals PayerMax signs is documented nowhere; here
// all of them are.
func (g *Gateway) answer(call *Call, data any, refused *refusal) reply {
	body := answerBody{Code: codeApplySuccess, Msg: "Success.", Data: data}
	if refused != nil {
		body = answerBody{Code: refused.code, Msg: refused.msg}
	}
	raw, signature, err := g.seal(body)
	if err != nil {
		// Nothing unsigned may look like an answer of PayerMax's.
		return plain(http.StatusInternalServerError)
	}
	call.Code, call.Msg = body.Code, body.Msg
	return reply{status: http.StatusOK, contentType: jsonType, body: raw, sign: signature, length: len(raw)}
}

// seal returns the bytes of an answer or a notification, and their signature.
func (g *Gateway) seal(body any) (raw []byte, signature string, err error) {
	if raw, err = json.Marshal(body); err == nil {
		signature, err = sign(g.key, raw)
	}
	return raw, signature, err
}

// plain refuses a request that never reaches the interface itself, as a web server in front of it would.
func plain(status int) reply {
	body := []byte(http.StatusText(status) + "\n")
	return reply{status: status, contentType: textType, body: body, length: len(body)}
}

// write sends the reply. A client that has gone away is no concern of the gateway's.
func (a reply) write(w http.ResponseWriter) {
	if a.reset {
		reset(w)
		return
	}
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Content-Length", strconv.Itoa(a.length))
	if a.sign != "" {
		header.Set(signHeader, a.sign)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// reset ends the connection without an answer: with a TCP reset where there is such a connection to be had, or else by
// the means that net/http has for it, which serves HTTP/2 too.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = secured.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}
