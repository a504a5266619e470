package protocol

import "regexp"

// The forms of an appId and a merchantNo in PayerMax's examples. Others may exist, so neither
// is refused because of its form.
var (
	appIDForm      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	merchantNoForm = regexp.MustCompile(`^[0-9]{15}$`)
)

// AreExchanged reports whether an appId and a merchantNo look as if they were swapped: the
// first has 15 digits, and the second 32 hexadecimal digits.
func AreExchanged(appID, merchantNo string) bool {
	return merchantNoForm.MatchString(appID) && appIDForm.MatchString(merchantNo)
}
