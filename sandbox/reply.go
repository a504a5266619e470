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

// reply is an answer that has not been written yet, so that faults can still change it.
type reply struct {
	status      int
	contentType string
	body        []byte

	// sign is the sign header, empty for plain text.
	sign string

	// length is the Content-Length, which exceeds the length of a truncated body.
	length int

	// dateSkew is how far the Date header is ahead of the gateway's clock.
	dateSkew time.Duration

	// reset is true if the connection is reset instead.
	reset bool
}

// answer returns the signed answer: the refusal if there is one, or else data. Both have status 200, since PayerMax
// reports errors in the body ("Transaction status" page). PayerMax does not document which refusals it signs; here all
// of them are signed.
func (g *Gateway) answer(call *Call, data any, refused *refusal) reply {
	body := answerBody{Code: codeApplySuccess, Msg: "Success.", Data: data}
	if refused != nil {
		body = answerBody{Code: refused.code, Msg: refused.msg}
	}
	raw, signature, err := g.seal(body)
	if err != nil {
		// An unsigned answer must not look like one of PayerMax's.
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

// write sends the reply. Errors are ignored, since they only mean that the client has gone away.
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

// reset ends the connection without an answer: with a TCP reset if the connection can be hijacked, or else with
// http.ErrAbortHandler, which also works for HTTP/2.
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
