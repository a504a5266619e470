package payermax

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
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// maxUnsignedMsg bounds the msg of an answer that is written anew, in characters.
const maxUnsignedMsg = 512

// plainCode is what the code of an unsigned answer must be.
var plainCode = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)

// rewrite makes an answer anew of one that PayerMax has not signed. Whoever can
// answer in PayerMax's place could have written it for the application's parser
// rather than for this one, so no byte of it passes as it came, and no header.
//
// Where a second call could do harm, it is taken for PayerMax's only if it is
// what PayerMax would say. Anything else may be a proxy's on the way, which knows
// nothing of what PayerMax did.
func (c *call) rewrite(a *answer, said *envelope.Answer) (*answer, error) {
	switch {
	case isSuccess(said.Code):
		return nil, a.withheld(errors.New("the answer says " + protocol.CodeApplySuccess + " but is not signed"))
	case !plainCode.MatchString(said.Code):
		return nil, a.withheld(errors.New("the answer is not signed, and its code is not a plain word"))
	case said.MsgAmbiguous:
		return nil, a.withheld(errors.New("the answer is not signed, and its msg is ambiguous"))
	case !c.route.Repeatable && (a.status != http.StatusOK || !protocol.IsDocumented(said.Code)):
		return nil, a.byAnIntermediary()
	}
	body, err := json.Marshal(struct {
		Code string `json:"code"`
		Msg  string `json:"msg"`
	}{said.Code, printable(said.Msg)})
	if err != nil {
		return nil, fmt.Errorf("writing the answer anew: %w", err)
	}
	return &answer{status: a.passableStatus(), header: ownHeader(receivedStatus(a.status, c.found)), body: body, rewritten: true}, nil
}

// byAnIntermediary replaces an answer that is probably not PayerMax's, whose own
// may have been lost.
func (a *answer) byAnIntermediary() *refusal {
	status := http.StatusBadGateway
	if a.status == http.StatusGatewayTimeout {
		status = http.StatusGatewayTimeout
	}
	return &refusal{
		Code: "REQUEST_TIMEOUT",
		Msg: "an intermediary answered instead of PayerMax, as far as can be told; " +
			"the outcome is unknown: query it before you send the request again",
		status: status, proxyError: "http_protocol_error", outcome: outcomeUnknown,
		received: a.status, cause: errors.New("the answer is not signed, and not one that PayerMax documents"),
	}
}

// printable returns what can be seen of a text, on one line and of bounded length.
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
