package setting

import "regexp"

// requestHeader is a placeholder that stands for a header field of a request.
var requestHeader = regexp.MustCompile(`\{http\.request\.header\.([^{}]+)\}`)

// RequestHeaders returns the names of the header fields of a request from which a value
// comes, by placeholders such as {http.request.header.X-Token}, as they are written.
func RequestHeaders(value string) []string {
	var names []string
	for _, match := range requestHeader.FindAllStringSubmatch(value, -1) {
		names = append(names, match[1])
	}
	return names
}
