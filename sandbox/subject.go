package sandbox

import "encoding/json"

// about returns the number of the order or the refund that a call is about, and its state according to the answer;
// either may be empty. Both are read from the bytes that were sent, so a state that a fault kept from the client does
// not appear.
func (c *Call) about() (number, state string) {
	asked, told := dataTexts(c.Body), dataTexts(c.Answer)
	if number = asked["outRefundNo"]; number == "" {
		number = asked["outTradeNo"]
	}
	return shortened(number), shortened(told["status"])
}

// dataTexts returns the members of data that are strings.
func dataTexts(body []byte) map[string]string {
	var envelope struct {
		Data map[string]any `json:"data"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return nil
	}
	texts := make(map[string]string)
	for name, value := range envelope.Data {
		if text, isText := value.(string); isText {
			texts[name] = text
		}
	}
	return texts
}

// look returns the colour of a state.
func look(state string) string {
	switch state {
	case statusSuccess, refundSuccess:
		return "good"
	case statusPending, refundPending:
		return "busy"
	case statusFailed, statusClosed, refundFailed:
		return "bad"
	default:
		return ""
	}
}
