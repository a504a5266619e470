package setting

import "regexp"

// requestHeader matches a placeholder for a header field of a request.
var requestHeader = regexp.MustCompile(`\{http\.request\.header\.([^{}]+)\}`)

// RequestHeaders returns the names, as written, of the request header fields that a value
// uses through placeholders such as {http.request.header.X-Token}.
func RequestHeaders(value string) []string {
	var names []string
	for _, match := range requestHeader.FindAllStringSubmatch(value, -1) {
		names = append(names, match[1])
	}
	return names
}
