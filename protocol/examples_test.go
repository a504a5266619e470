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
	for _, placeholder := range []string{
		"example", "Sample", "test", "demo", "app_id", "APP_ID", "appId", "merchantNo", "MERCHANT_NO", "merchant-id", "merchantAppId", "my-app-id", "yourAppId", "payermax_app_id",
		"fill-me-in", "unknown", "yes", "off", "0", "-", "000000000000000", "aaaaaaaa", "1111111111",
	} {
		doubt, next := protocol.DoubtAboutIdentity(placeholder)
		assert.Contains(t, doubt, "looks like a placeholder", placeholder)
		assert.Contains(t, next, "dashboard", placeholder)
	}
	for _, number := range []string{"0x1234", "0X1F", "0b101", "0o17", "1_000_000"} {
		doubt, _ := protocol.DoubtAboutIdentity(number)
		assert.Contains(t, doubt, "the notation of a program", number)
	}
	for _, own := range []string{"0213827", "deadbeefdeadbeefdeadbeefdeadbeef", "SP1002", "P01010113412495", "1_00", "tests", "app", "exampleshop", "0b1c2d3e4f506172",
		"", "yours", "3b242b56a8b64274bcc37dac281120e4", "020213827212252", "youth-app-id", "your-app-id-2", "my-your-app-id"} {
		doubt, next := protocol.DoubtAboutIdentity(own)
		assert.Empty(t, doubt+next, own)
	}
}
