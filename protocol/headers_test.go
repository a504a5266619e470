package protocol

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Harmless codings of calls, notifications and answers are accepted alike.
func TestHarmlessHeaders(t *testing.T) {
	for coding, coded := range map[string]bool{
		"": false, "identity": false, "Identity": false, "UTF-8": false, "utf8": false, "identity, utf-8": false, " ": false,
		"none": false, "7bit": false, "8bit": false, "binary": false, "base64": true, "aws-chunked": true,
		"gzip": true, "identity, gzip": true, "utf-16": true, "br": true,
	} {
		assert.Equal(t, coded, IsCoded(http.Header{"Content-Encoding": {coding}}), coding)
	}
	assert.True(t, IsCoded(http.Header{"Content-Encoding": {"identity", "gzip"}}), "a second field counts as well")
	assert.False(t, IsCoded(nil))

	for charset, want := range map[string]bool{"utf-8": true, "UTF8": true, "Utf-8": true, "utf-7": false, "": false, "utf 8": false, "'utf-8'": true, "UTF_8": true, "us-ascii": false} {
		assert.Equal(t, want, IsUTF8(charset), charset)
	}

	assert.Empty(t, Signatures(http.Header{"Sign": {""}}))
	assert.Empty(t, Signatures(nil))
	assert.Equal(t, []string{"a"}, Signatures(http.Header{"Sign": {"", "a", " "}}))
	assert.Equal(t, []string{"a", "b"}, Signatures(http.Header{"Sign": {"a", "b"}}))
}
