package protocol_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

func TestDoubtAboutIdentity(t *testing.T) {
	for _, example := range []string{
		protocol.ExampleAppID, protocol.ExampleMerchantNo,
		"your-app-id", "your-uat-app-id", "your-merchant-no", "your-uat-merchant-no", "YOUR_APP_ID", "your-appid", "your merchantNo",
	} {
		doubt, next := protocol.DoubtAboutIdentity(example)
		assert.Contains(t, doubt, "is a placeholder from the examples", example)
		assert.Contains(t, next, "dashboard", example)
	}
	for _, own := range []string{"", "yours", "3b242b56a8b64274bcc37dac281120e4", "020213827212252", "youth-app-id", "your-app-id-2", "my-your-app-id"} {
		doubt, next := protocol.DoubtAboutIdentity(own)
		assert.Empty(t, doubt+next, own)
	}
}
