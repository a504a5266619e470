package protocol_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

func TestAreExchanged(t *testing.T) {
	assert.True(t, protocol.AreExchanged(protocol.ExampleMerchantNo, protocol.ExampleAppID))
	assert.False(t, protocol.AreExchanged(protocol.ExampleAppID, protocol.ExampleMerchantNo))
	assert.False(t, protocol.AreExchanged(protocol.ExampleMerchantNo, "another"))
	assert.False(t, protocol.AreExchanged("another", protocol.ExampleAppID))
	assert.False(t, protocol.AreExchanged("", ""))
}
