package protocol

import "regexp"

// The forms of an appId and a merchantNo in PayerMax's examples. Others may exist, so that
// neither is refused for its form.
var (
	appIDForm      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	merchantNoForm = regexp.MustCompile(`^[0-9]{15}$`)
)

// AreExchanged reports whether an appId and a merchantNo look as if each stood in the
// other's place: 15 digits, and 32 hexadecimal ones.
func AreExchanged(appID, merchantNo string) bool {
	return merchantNoForm.MatchString(appID) && appIDForm.MatchString(merchantNo)
}
