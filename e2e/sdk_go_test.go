package e2e

import "encoding/json"

// goSDK is the Go SDK: github.com/shareit-payermax/payermax-server-sdk-go@9ea282b0
// payermax/payermax.go, SendWithUrl. It decodes into map[string]interface{}, and so numbers become
// float64.
var goSDK = officialSDK{
	base: "/aggregate-pay/api/gateway/",
	send: func(c sdkConfig, endpoint, data string) sdkCall { // client.Send(endpoint, data)
		var members map[string]any
		if err := json.Unmarshal([]byte(data), &members); err != nil {
			panic(err)
		}
		call := map[string]any{
			"keyVersion": "1", "merchantNo": c.merchantNo, "version": "1.1", "appId": c.appID, "data": members,
			// Not .000: trailing zeros are dropped.
			"requestTime": c.now.UTC().Format("2006-01-02T15:04:05.999Z07:00"),
		}
		if c.spMerchantNo != "" {
			call["spMerchantNo"] = c.spMerchantNo
		}
		body, err := json.Marshal(call) // sorted, with <, > and & escaped
		if err != nil {
			panic(err)
		}
		fields := []string{"User-Agent: Go-http-client/1.1", "Content-Type: application/json;charset=utf-8"}
		if c.spMerchantNo != "" {
			fields = append(fields, "Merchantauthtoken: "+c.authToken)
		}
		fields = append(fields, "Sdk-Ver: go-1.0", "Sign: "+sign(c.key, body), "Accept-Encoding: gzip")
		return sdkCall{c.base + endpoint, fields, string(body)}
	},
	read: readUnlessForged,
}
