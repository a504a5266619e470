package protocol

import "regexp"

// The application and the merchant in PayerMax's examples (applyDropinSession, request
// example). The sandbox knows them if no other merchant is configured.
const (
	ExampleAppID      = "3b242b56a8b64274bcc37dac281120e3"
	ExampleMerchantNo = "020213827212251"
)

// toFillIn matches the identities in the shipped manifests that the operator has to replace.
var toFillIn = regexp.MustCompile(`(?i)^your[-_ .](\w+[-_ .])?(app[-_ .]?id|merchant[-_ .]?no)$`)

// DoubtAboutIdentity says what is wrong with an appId or a merchantNo that belongs to no
// merchant, and what to do about it: it is from PayerMax's examples, or a placeholder that
// was to be filled in, such as your-app-id. Both results are "" for all others.
func DoubtAboutIdentity(identity string) (doubt, next string) {
	if identity != ExampleAppID && identity != ExampleMerchantNo && !toFillIn.MatchString(identity) {
		return "", ""
	}
	return "is a placeholder from the examples: PayerMax refuses every call with it, and no notification has it",
		"set it to the value in PayerMax's dashboard"
}
