package limits

import (
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// placeholders matches the placeholders of a setting. Its group is the name without braces.
var placeholders = regexp.MustCompile(`\{([^{}]+)\}`)

const (
	authenticated = "http.auth.user."
	certificate   = "http.request.tls.client."
)

// ofCertificates are the properties that Caddy knows of a client's certificate, besides
// san.*.
var ofCertificates = []string{"fingerprint", "public_key", "public_key_sha256", "issuer", "serial", "subject", "certificate_pem", "certificate_der_base64"}

// written are the prefixes of placeholders whose values come from the request itself.
var written = []string{
	"http.request.header.", "http.request.cookie.", "http.request.uri", "http.request.orig_uri", "http.request.body",
	"http.request.host", "http.request.method", "http.request.orig_method",
}

// DoubtAboutCallerID returns why the caller_id does not reliably identify the caller, and
// what to do about it. Both are "" if there is no doubt, or no caller_id.
func (l *Limits) DoubtAboutCallerID() (doubt, next string) {
	if l == nil || l.CallerID == "" {
		return "", ""
	}
	names := placeholders.FindAllStringSubmatch(l.CallerID, -1)
	if why := setting.WhyEmpty(l.CallerID); why != "" {
		return "every call is refused" + why, "set it, and name a placeholder that authentication sets, such as {http.auth.user.id}"
	}
	if !slices.ContainsFunc(names, func(name []string) bool { return !isFixed(name[1]) }) {
		return "it has no placeholder that depends on the call, so it is the same for all callers", "name one that authentication sets, such as {http.auth.user.id}"
	}
	for _, name := range names {
		if doubt, next = doubtAboutPlaceholder(name[1]); doubt != "" {
			return name[0] + " " + doubt, next
		}
	}
	return "", ""
}

// isFixed reports whether a placeholder has the same value for all calls.
func isFixed(name string) bool {
	return slices.ContainsFunc([]string{"env.", "file.", "system."}, func(beginning string) bool { return strings.HasPrefix(name, beginning) })
}

// doubtAboutPlaceholder is DoubtAboutCallerID for one placeholder.
func doubtAboutPlaceholder(name string) (doubt, next string) {
	if slices.ContainsFunc(written, func(beginning string) bool { return strings.HasPrefix(name, beginning) }) {
		return "is written by the caller, who can write another caller's", "name a placeholder that authentication sets, such as {http.auth.user.id}, unless a proxy in front sets the value and removes what callers write"
	}
	if of, isCertificate := strings.CutPrefix(name, certificate); isCertificate && !strings.HasPrefix(of, "san.") && !slices.Contains(ofCertificates, of) {
		return "has no value, so every call is refused", "for a client certificate, Caddy has " + strings.Join(ofCertificates, ", ") + ", and san.*"
	}
	if of, isUser := strings.CutPrefix(name, authenticated); isUser && of != "id" && grammar.Suggest(of, []string{"id"}) != "" {
		return "has no value, so every call is refused, unless the module that authenticates sets it", "did you mean {http.auth.user.id}?"
	}
	return "", ""
}
