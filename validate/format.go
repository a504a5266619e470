package validate

import (
	"bytes"
	"net/netip"
)

// orderNumber judges the merchant's number of an order: "can only contain
// letters, numbers, and underlines".
var orderNumber = &check{
	rules: []string{rulePattern},
	judge: func(w *walker, v value) {
		for _, c := range v.content {
			if !isAlphanumeric(c) && c != '_' {
				w.report(rulePattern, "must consist of the letters A to Z and a to z, digits and underscores; replace any other character")
				return
			}
		}
	},
}

// wholeSeconds judges a duration: a string of digits. PayerMax documents what it does with an
// expireTime outside 1800 to 86400: it uses the nearer of the two. So such an order is valid.
var wholeSeconds = &check{
	rules: []string{rulePattern},
	judge: func(w *walker, v value) {
		if !isDigits(v.content) {
			w.report(rulePattern, `must be whole seconds in digits; send a string such as "1800", at most "86400"`)
		}
	},
}

// wholeNumber judges a count, of periods or of days.
var wholeNumber = &check{
	rules: []string{rulePattern},
	judge: func(w *walker, v value) {
		if !isDigits(v.content) {
			w.report(rulePattern, "must be a whole number in digits; send a number such as 12")
		}
	},
}

// webURL judges an address that PayerMax calls or shows: "starts with
// http/https".
var webURL = &check{
	rules: []string{rulePattern},
	judge: func(w *walker, v value) {
		if !isWebURL(v.content) {
			w.report(rulePattern, `must be an absolute URL without spaces; send one that starts with "https://" or "http://"`)
		}
	},
}

// appURL judges an address that the user comes back to: "starts with http/https,
// or is the scheme address of the merchant's app".
var appURL = &check{
	rules: []string{rulePattern},
	judge: func(w *walker, v value) {
		if !isWebURL(v.content) && !isAppURL(v.content) {
			w.report(rulePattern, `must be an absolute URL without spaces; send one that starts with "https://", "http://" or the scheme of your app, such as "myapp://"`)
		}
	},
}

// ipAddress judges "standard IPv4 or IPv6". PayerMax's own examples send 211.52.321.225, so
// the numbers of an IPv4 address may exceed 255. The rule catches a list, a port, or a name.
var ipAddress = &check{
	rules: []string{rulePattern},
	judge: func(w *walker, v value) {
		if !isDottedQuad(v.content) && !isIPv6(v.content) {
			w.report(rulePattern, "must be a single IPv4 or IPv6 address; send the user's own, without port or list")
		}
	},
}

// isAlphanumeric reports whether c is an ASCII letter or digit.
func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isDigits reports whether s consists of digits.
func isDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) > 0
}

// isWebURL reports whether s looks like an absolute web URL: a scheme, a host, no spaces.
// PayerMax and the browser judge the rest.
func isWebURL(s []byte) bool {
	scheme, address, _ := bytes.Cut(s, []byte("://"))
	return (bytes.EqualFold(scheme, []byte("https")) || bytes.EqualFold(scheme, []byte("http"))) &&
		len(address) > 0 && address[0] != '/' && hasNoSpaces(address)
}

// isAppURL reports whether s leads to an app: it has a scheme of its own; the rest is up to
// the app.
func isAppURL(s []byte) bool {
	scheme, rest, ok := bytes.Cut(s, []byte("://"))
	return ok && isScheme(scheme) && !bytes.EqualFold(scheme, []byte("https")) && !bytes.EqualFold(scheme, []byte("http")) &&
		hasNoSpaces(rest)
}

// isScheme reports whether s is a scheme according to RFC 3986.
func isScheme(s []byte) bool {
	for i, c := range s {
		digit := '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
		if !isAlphanumeric(c) && !digit || digit && i == 0 {
			return false
		}
	}
	return len(s) > 0
}

// hasNoSpaces reports whether s contains no ASCII space or control character.
func hasNoSpaces(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// isDottedQuad reports whether s is four groups of one to three digits.
func isDottedQuad(s []byte) bool {
	groups := 0
	for len(s) > 0 || groups == 0 {
		group, rest, more := bytes.Cut(s, []byte("."))
		if groups++; !isDigits(group) || len(group) > 3 || more && len(rest) == 0 {
			return false
		}
		s = rest
	}
	return groups == 4
}

// isIPv6 reports whether s is an IPv6 address.
func isIPv6(s []byte) bool {
	if len(s) > 45 { // the longest possible, with an embedded IPv4 address
		return false
	}
	addr, err := netip.ParseAddr(string(s))
	return err == nil && addr.Is6() && addr.Zone() == ""
}
