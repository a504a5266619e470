package protocol_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

func TestDocumentedCodes(t *testing.T) {
	codes := protocol.DocumentedCodes()
	for _, code := range codes {
		assert.Regexp(t, `^[A-Z]+(_[A-Z]+)*$`, code)
		assert.True(t, protocol.IsDocumented(code), code)
	}
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(codes))), len(codes), "each is listed once")
	for _, code := range []string{"", "apply_success", protocol.CodeLoopDetected, "SANDBOX_NOT_SIMULATED"} {
		assert.False(t, protocol.IsDocumented(code), code)
	}
}

// These codes show that PayerMax has accepted a signature: they judge what was asked for.
// Codes that PayerMax may return for any request do not count, nor do those that it returns
// when busy.
func TestAcceptsSignature(t *testing.T) {
	for code, want := range map[string]bool{
		protocol.CodeApplySuccess: true, protocol.CodeOrderNotExist: true, "ORDER_REPEAT": true, "CONTRACT_INVALID": true,
		protocol.CodeSignVerifyFailed: false, protocol.CodeRequestTimeOver: false, protocol.CodeMerchantAppInvalid: false,
		protocol.CodeMerchantInvalid: false, protocol.CodeParamsInvalid: false, protocol.CodeSystemError: false,
		"SYSTEM_BUSY": false, protocol.CodeTooManyRequest: false, protocol.CodeRequestTimeout: false,
		protocol.CodeUnexpectedError: false, "SOMETHING_NEW": false, "": false,
	} {
		assert.Equal(t, want, protocol.AcceptsSignature(code), code)
	}
}

// PayerMax's own refusals say that no money has moved, except for those that leave it open.
func TestIsRefusal(t *testing.T) {
	for code, want := range map[string]bool{
		protocol.CodeSignVerifyFailed: true, protocol.CodeOrderNotExist: true, "PAYMENT_REJECTED": true, "AMOUNT_LIMIT": true,
		protocol.CodeApplySuccess: false, protocol.CodeSystemError: false, "SYSTEM_BUSY": false, protocol.CodeTooManyRequest: false,
		protocol.CodeRequestTimeout: false, protocol.CodeUnexpectedError: false, "PAYMENT_PROCESSING": false, "REFUND_FAILED": false,
		"OTP_VERIFY_FAILED": false, "OTP_VERIFY_LIMIT": true, "PIN_INVALID": false, "BARCODE_REFRESH_FAILED": false, "SOMETHING_NEW": false, "": false,
	} {
		assert.Equal(t, want, protocol.IsRefusal(code), code)
	}
}

func TestEnvironments(t *testing.T) {
	for name, want := range map[string]string{
		protocol.UAT:        "https://pay-gate-uat.payermax.com",
		protocol.Production: "https://pay-gate.payermax.com",
	} {
		address, ok := protocol.GatewayURL(name)
		require.True(t, ok)
		assert.Equal(t, want, address)
		parsed, err := url.Parse(address)
		require.NoError(t, err)
		assert.Empty(t, parsed.Path)
		assert.Equal(t, name, protocol.EnvironmentAt(address))
	}
	for _, other := range []string{"", "UAT", "sandbox", "https://pay-gate.payermax.com"} {
		_, ok := protocol.GatewayURL(other)
		assert.False(t, ok, other)
	}
	for _, other := range []string{"", "https://pay-gate.payermax.com/", "http://pay-gate.payermax.com", "https://localhost"} {
		assert.Empty(t, protocol.EnvironmentAt(other), other)
	}
}

// A host that is almost a gateway, or a PayerMax host that is not a gateway, is doubtful. All
// other hosts are the merchant's own decision.
func TestDoubtfulHosts(t *testing.T) {
	for host, says := range map[string]string{
		"pay-gate-uat.payermx.com":       "almost pay-gate-uat.payermax.com, which is PayerMax's uat",
		"pay-gate-uat..payermax.com":     "almost pay-gate-uat.payermax.com",
		"pay-gate-aut.payermax.com":      "almost pay-gate-uat.payermax.com",
		"paygate-uat.payermax.com":       "almost pay-gate-uat.payermax.com",
		"pay-gate-uat.payermax.co":       "almost pay-gate-uat.payermax.com",
		"pay-gate-uat.payermax.com.cn":   "",
		"PAY-GATE.PAYERMAX.CN":           "almost pay-gate.payermax.com, which is PayerMax's production",
		"docs.payermax.com":              "neither the gateway of uat nor that of production",
		"payermax.com":                   "neither the gateway of uat nor that of production",
		"pay-gate-uat-ipv6.payermax.com": "neither the gateway of uat nor that of production",
		"pay-gate-uat.payermax.com":      "",
		"pay-gate.payermax.com.":         "",
		"notpayermax.com":                "",
		"gateway.example.com":            "",
		"127.0.0.1":                      "",
		"localhost":                      "",
		"":                               "",
	} {
		if doubt := protocol.DoubtAbout(host); says == "" {
			assert.Empty(t, doubt, host)
		} else {
			assert.Contains(t, doubt, says, host)
		}
	}
}

// The names are in the canonical form of Go's header maps.
func TestHeadersAreCanonical(t *testing.T) {
	assert.Equal(t, http.CanonicalHeaderKey("sign"), protocol.SignHeader)
	assert.Equal(t, http.CanonicalHeaderKey(protocol.AuthTokenHeader), protocol.CanonicalAuthTokenHeader)
}

// A clock causes warnings while its calls still pass.
func TestClockLimits(t *testing.T) {
	assert.Equal(t, 30*time.Second, protocol.ClockWarning)
	assert.Equal(t, 90*time.Second, protocol.ClockAlarm)
	assert.Less(t, protocol.ClockAlarm, protocol.RequestTimeTolerance)
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.255.255.254": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.": false, "localhost.example": false, "0.0.0.0": false, "::": false, "128.0.0.1": false, "127.1": false,
		"[::1]": false, "127.0.0.1:80": false, "10.0.0.1": false, "pay-gate.payermax.com": false,
	} {
		assert.Equal(t, want, protocol.IsLoopback(host), host)
	}
}
