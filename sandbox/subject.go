package sandbox

import "encoding/json"

// about returns the number of the order or the refund that a call is about, and the state of it that the answer tells;
// each is empty where there is none. Both are read from the bytes, as whoever looks at the page would: what a fault kept
// from the client is not there.
func (c *Call) about() (number, state string) {
	asked, told := dataTexts(c.Body), dataTexts(c.Answer)
	if number = asked["outRefundNo"]; number == "" {
		number = asked["outTradeNo"]
	}
	return shortened(number), shortened(told["status"])
}

// dataTexts returns the strings among the members of data.
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

// look is the colour that a state is shown in, beside its name.
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
