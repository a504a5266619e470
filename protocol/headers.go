package protocol

import (
	"net/http"
	"slices"
	"strings"
)

const (
	// SignHeader carries the signature of a request, an answer or a notification.
	// PayerMax writes it sign (docs: developer/api-desc); this is the canonical form.
	SignHeader = "Sign"

	// AuthTokenHeader carries a service provider's authorisation to call for a
	// merchant. PayerMax writes it with underscores and in small letters (docs:
	// developer/isv-integration), and so it must be sent.
	AuthTokenHeader = "merchant_auth_token"
	// CanonicalAuthTokenHeader is what a server or a reverse proxy makes of
	// AuthTokenHeader.
	CanonicalAuthTokenHeader = "Merchant_auth_token"
)

// Signatures returns the values of the sign header, which belong to the header. An empty
// one is the same as none: some gateways write it where they have not signed.
func Signatures(header http.Header) []string {
	values, isEmpty := header[SignHeader], func(value string) bool { return strings.TrimSpace(value) == "" }
	if !slices.ContainsFunc(values, isEmpty) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), isEmpty)
}

// IsCoded reports whether a header says that a body is anything but the plain text. A
// character set is not a coding, and neither is what Content-Transfer-Encoding says, but
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

// IsUTF8 reports whether a charset parameter means UTF-8, however it is spelt.
func IsUTF8(charset string) bool {
	switch strings.ToLower(strings.Trim(charset, "' ")) {
	case "utf-8", "utf8", "utf_8":
		return true
	}
	return false
}
