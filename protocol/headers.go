package protocol

import (
	"net/http"
	"slices"
	"strings"
)

const (
	// SignHeader carries the signature of a request, an answer or a notification. PayerMax
	// writes it sign (docs: developer/api-desc); this is its canonical form in Go.
	SignHeader = "Sign"

	// AuthTokenHeader carries a service provider's authorisation to make calls for a
	// merchant. PayerMax writes it in lower case with underscores (docs:
	// developer/isv-integration), and it must be sent like that.
	AuthTokenHeader = "merchant_auth_token"
	// CanonicalAuthTokenHeader is the form of AuthTokenHeader in Go's header maps, and so
	// after a server or a reverse proxy in Go.
	CanonicalAuthTokenHeader = "Merchant_auth_token"
)

// Signatures returns the values of the sign header, without empty ones: some gateways send an
// empty value if they have not signed. The result may share the header's memory.
func Signatures(header http.Header) []string {
	values, isEmpty := header[SignHeader], func(value string) bool { return strings.TrimSpace(value) == "" }
	if !slices.ContainsFunc(values, isEmpty) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), isEmpty)
}

// IsCoded reports whether a header says that a body is anything but plain text. A character
// set is not a content coding, and neither are the values of Content-Transfer-Encoding, but
// both are common mistakes that do no harm.
func IsCoded(header http.Header) bool {
	for _, codings := range header["Content-Encoding"] {
		for coding := range strings.SplitSeq(codings, ",") {
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "", "identity", "none", "utf-8", "utf8", "7bit", "8bit", "binary":
			default:
				return true
			}
		}
	}
	return false
}

// IsUTF8 reports whether a charset parameter means UTF-8, in any common spelling.
func IsUTF8(charset string) bool {
	switch strings.ToLower(strings.Trim(charset, "' ")) {
	case "utf-8", "utf8", "utf_8":
		return true
	}
	return false
}
