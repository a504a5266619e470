package delivery

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithoutDefaultPort(t *testing.T) {
	for _, test := range []struct{ hostport, scheme, want string }{
		{"pay-gate.payermax.com:443", "https", "pay-gate.payermax.com"},
		{"pay-gate.payermax.com:8443", "https", "pay-gate.payermax.com:8443"},
		{"localhost:80", "http", "localhost"},
		{"localhost:443", "http", "localhost:443"},
		{"[::1]:443", "https", "[::1]"},
		{"[::1]:9000", "http", "[::1]:9000"},
		{"pay-gate.payermax.com", "https", "pay-gate.payermax.com"},
	} {
		assert.Equal(t, test.want, WithoutDefaultPort(test.hostport, test.scheme), test.hostport)
	}
}
