package protocol

import "regexp"

// The application and the merchant in PayerMax's examples (applyDropinSession,
// request example). The sandbox knows them where nobody else is configured.
const (
	ExampleAppID      = "3b242b56a8b64274bcc37dac281120e3"
	ExampleMerchantNo = "020213827212251"
)

// toFillIn is what the shipped manifests have where somebody writes an identity of their own.
var toFillIn = regexp.MustCompile(`(?i)^your[-_ .](\w+[-_ .])?(app[-_ .]?id|merchant[-_ .]?no)$`)

// IsExample reports whether an appId or a merchantNo is nobody's own: it is that of
// PayerMax's examples, or stands for one that somebody was to fill in, such as your-app-id.
// PayerMax refuses each call with it.
func IsExample(identity string) bool {
	return identity == ExampleAppID || identity == ExampleMerchantNo || toFillIn.MatchString(identity)
}
