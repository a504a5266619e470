package protocol

import (
	"regexp"
	"strings"
)

// The application and the merchant in PayerMax's examples (applyDropinSession, request
// example). The sandbox knows them if no other merchant is configured.
const (
	ExampleAppID      = "3b242b56a8b64274bcc37dac281120e3"
	ExampleMerchantNo = "020213827212251"
)

// toFillIn matches the identities in the shipped manifests that the operator has to replace.
var toFillIn = regexp.MustCompile(`(?i)^your[-_ .](\w+[-_ .])?(app[-_ .]?id|merchant[-_ .]?no)$`)

var (
	// standIn matches what people and programs write in place of a value that they do not
	// know yet: the name of the setting, an ordinary word, or a zero.
	standIn = regexp.MustCompile(`(?i)^((my|the|your|insert|enter|payermax)?[-_.]?(app[-_.]?id|merchant[-_.]?(no|id|app[-_.]?id)))$` +
		`|^(example|sample|demo|test|testing|foo|bar|baz|abc|string|value|unknown|default|secret|fill[-_.]?me[-_.]?in|na|yes|no|on|off)$|^[-._:0]+$`)
	// inCode matches a number in the notation of a programming language. A real appId may
	// consist of hexadecimal digits, but has no 0x before them.
	inCode = regexp.MustCompile(`(?i)^0x[0-9a-f]+$|^0b[01]+$|^0o[0-7]+$|^[0-9]{1,3}(_[0-9]{3})+$`)
)

// DoubtAboutIdentity says what is wrong with an appId or a merchantNo that hardly belongs
// to a merchant, and what to do about it: it is from PayerMax's examples, a placeholder that
// was to be filled in, such as your-app-id, or a number as a program writes it. Both
// results are "" for all others. PayerMax documents only the lengths of these values, so
// nothing is certain.
func DoubtAboutIdentity(identity string) (doubt, next string) {
	const inDashboard = "set it to the value in PayerMax's dashboard"
	switch {
	case identity == ExampleAppID, identity == ExampleMerchantNo, toFillIn.MatchString(identity):
		return "is a placeholder from the examples: PayerMax refuses every call with it, and no notification has it", inDashboard
	case standIn.MatchString(identity), isRepeated(identity):
		return "looks like a placeholder: PayerMax would refuse every call with it, and no notification would have it", inDashboard
	case inCode.MatchString(identity):
		return "looks like a number in the notation of a program, which PayerMax does not use", inDashboard + ", digit by digit"
	}
	return "", ""
}

// isRepeated reports whether an identity consists of one character only, as in 11111111.
func isRepeated(identity string) bool {
	const least = 6
	return len(identity) >= least && strings.Trim(identity, identity[:1]) == ""
}
