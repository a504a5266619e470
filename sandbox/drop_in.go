package sandbox

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

// dropInScript is the name of the stand-in for PayerMax's script, and dropInJS its text.
const dropInScript = "pmdropin.js"

//go:embed drop_in.js
var dropInJS []byte

// dropInPath is the prefix of what a Drop-In component in a buyer's browser calls from the shop's page. The session's
// keys are its credentials, so any origin may call it. NoControl does not switch it off.
const dropInPath = controlPath + "dropin/"

// dropInRequest is the body of a component's request.
type dropInRequest struct {
	ClientKey  string `json:"clientKey"`
	SessionKey string `json:"sessionKey"`

	// AgreementAccepted is true if the buyer wants the card to be saved.
	AgreementAccepted bool `json:"agreementAccepted"`

	// Simulate is SUCCESS, FAILED, PENDING or 3DS, like an order's subject, and takes precedence over it.
	Simulate string `json:"simulate"`
}

// dropInSession is what a component needs to know about its session.
type dropInSession struct {
	Currency          string `json:"currency"`
	TotalAmount       string `json:"totalAmount,omitempty"`
	TokenForFutureUse bool   `json:"tokenForFutureUse"`
}

// issuedToken is the data of PayerMax's answer to canMakePayment.
type issuedToken struct {
	PaymentToken      string `json:"paymentToken"`
	AgreementAccepted bool   `json:"agreementAccepted"`
}

// serveDropIn answers a component: "session" returns what its session is for, "token" a paymentToken that can pay one
// order. The answers have PayerMax's format, without a signature, like those of canMakePayment. The component itself is
// the script dropInScript.
func (g *Gateway) serveDropIn(w http.ResponseWriter, r *http.Request, name string) {
	if name == dropInScript {
		serveDropInScript(w, r)
		return
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Headers", "Content-Type")
	serve, known := map[string]func(*Gateway, dropInRequest) (any, *refusal){
		"session": (*Gateway).openDropIn, "token": (*Gateway).makeToken,
	}[name]
	switch {
	case !known:
		controlError(w, http.StatusNotFound, "there is nothing here")
		return
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		header.Set("Allow", http.MethodPost)
		controlError(w, http.StatusMethodNotAllowed, "the method is not allowed")
		return
	}
	var in dropInRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody)).Decode(&in); err != nil {
		controlError(w, http.StatusBadRequest, "the body is no JSON object of a component's")
		return
	}
	data, refused := serve(g, in)
	if refused != nil {
		writeJSON(w, answerBody{Code: refused.code, Msg: refused.msg})
		return
	}
	writeJSON(w, answerBody{Code: codeApplySuccess, Msg: "Success.", Data: data})
}

// serveDropInScript serves the stand-in for PayerMax's script to any shop's page.
func serveDropInScript(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		controlError(w, http.StatusMethodNotAllowed, "the method is not allowed")
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/javascript; charset=utf-8")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	header.Set("Access-Control-Allow-Origin", "*") // for a script element with crossorigin
	_, _ = w.Write(dropInJS)
}

// openDropIn returns what a session is for, if the component has its keys.
func (g *Gateway) openDropIn(in dropInRequest) (any, *refusal) {
	l := &g.state().ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.openedSession(in.ClientKey, in.SessionKey, g.now())
	if s == nil {
		return nil, isUndefined("sessionKey")
	}
	view := dropInSession{Currency: s.currency, TokenForFutureUse: s.futureUse}
	if s.amount != nil {
		view.TotalAmount = number(s.amount).String()
	}
	return view, nil
}

// makeToken issues a paymentToken.
func (g *Gateway) makeToken(in dropInRequest) (any, *refusal) {
	if _, known := bySubject[in.Simulate]; in.Simulate != "" && !known {
		return nil, isUndefined("simulate")
	}
	t := &paymentToken{sessionKey: in.SessionKey, agreed: in.AgreementAccepted, simulates: in.Simulate}
	token := g.state().ledger.issueToken(in.ClientKey, t, g.now())
	if token == "" {
		return nil, isUndefined("sessionKey")
	}
	return issuedToken{PaymentToken: token, AgreementAccepted: t.agreed}, nil
}
