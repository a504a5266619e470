package verdict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// maxUnsignedMsg is the maximum length of the msg in a rewritten answer, in characters.
const maxUnsignedMsg = 512

// plainCode matches the codes that an unsigned answer may have.
var plainCode = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)

// rewrite makes a new answer from one that PayerMax has not signed. Anyone who can answer in
// PayerMax's place could have written it for the application's parser rather than for this
// one, so no byte of it is passed on unchanged, and no header.
//
// If a second call could do harm, the answer is attributed to PayerMax only if it is one that
// PayerMax would give. Any other may come from a proxy in between, which does not know what
// PayerMax did.
func rewrite(a *reply.Answer, said *envelope.Answer, endpoint protocol.Endpoint, found Finding) (*reply.Answer, error) {
	switch {
	case isSuccess(said.Code):
		return nil, Withheld(a, errors.New("the answer says "+protocol.CodeApplySuccess+" but is not signed"))
	case !protocol.IsDocumented(said.Code) && soundsLikeSuccess(said.Code):
		return nil, Withheld(a, errors.New("the answer is not signed, and its code could be read as a success"))
	case !plainCode.MatchString(said.Code):
		return nil, Withheld(a, errors.New("the answer is not signed, and its code is not a plain word"))
	case said.MsgAmbiguous:
		return nil, Withheld(a, errors.New("the answer is not signed, and its msg is ambiguous"))
	case isIntermediarys(a, said, endpoint):
		return nil, ByAnIntermediary(a)
	}
	body, err := json.Marshal(struct {
		Code string `json:"code"`
		Msg  string `json:"msg"`
	}{said.Code, printable(said.Msg)})
	if err != nil {
		return nil, fmt.Errorf("writing the answer anew: %w", err)
	}
	return a.Rewritten(string(found), body), nil
}

// soundsLikeSuccess reports whether a careless reader could take an undocumented code for a
// success, for example by checking how it begins or whether it is 0.
func soundsLikeSuccess(code string) bool {
	return strings.Contains(lookalike.Fold(code), "SUCCESS") || strings.Trim(code, "0123456789") == ""
}

// isIntermediarys reports whether an answer that is not a success is probably not PayerMax's:
// it is not signed, it is not one that PayerMax would give, and the call must not be made
// twice.
func isIntermediarys(a *reply.Answer, said *envelope.Answer, endpoint protocol.Endpoint) bool {
	if endpoint.Repeatable || isSuccess(said.Code) || len(protocol.Signatures(a.Header())) > 0 {
		return false
	}
	return a.Status != http.StatusOK || !protocol.IsDocumented(said.Code)
}

// ByAnIntermediary replaces an answer that is probably not PayerMax's. PayerMax's own answer
// may have been lost.
func ByAnIntermediary(a *reply.Answer) *reply.Refusal {
	status := http.StatusBadGateway
	if a.Status == http.StatusGatewayTimeout {
		status = http.StatusGatewayTimeout
	}
	return &reply.Refusal{
		Code: "REQUEST_TIMEOUT",
		Msg: "an intermediary seems to have answered instead of PayerMax; " +
			"the outcome is unknown: query it before you send the request again",
		Status: status, ProxyError: "http_protocol_error", Outcome: reply.Unknown,
		Received: a.Status, Cause: errors.New("the answer is not signed, and not one that PayerMax documents"),
	}
}

// printable returns the visible characters of a text, on one line and up to a maximum length.
func printable(text string) string {
	var kept bytes.Buffer
	count := 0
	for _, r := range strings.ToValidUTF8(text, "") {
		if unicode.IsSpace(r) {
			r = ' '
		}
		if !unicode.IsPrint(r) {
			continue
		}
		if count++; count > maxUnsignedMsg {
			break
		}
		kept.WriteRune(r)
	}
	return kept.String()
}
