package setting

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRequestHeaders(t *testing.T) {
	assert.Equal(t, []string{"X-Token", "merchantAuthToken"}, RequestHeaders("a{http.request.header.X-Token}.{http.request.header.merchantAuthToken}"))
	assert.Empty(t, RequestHeaders("{http.request.uri.path} {file./run/token} {http.request.header.}"))
}
