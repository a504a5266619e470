package sandbox_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

// A merchant's test starts the gateway as a server and sends it the requests that would go to PayerMax.
func Example() {
	gatewayKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	merchantKey, _ := rsa.GenerateKey(rand.Reader, 2048)

	gateway, err := sandbox.New(gatewayKey, sandbox.Merchant{AppID: "app", PublicKey: &merchantKey.PublicKey})
	if err != nil {
		fmt.Println(err)
		return
	}
	gateway.OnCall = func(call sandbox.Call) {
		fmt.Println(call.Endpoint, "verified:", call.Verified)
	}
	server := httptest.NewServer(gateway)
	defer server.Close()

	now := time.Now().Format("2006-01-02T15:04:05.000Z07:00")
	body := `{"version":"1.5","keyVersion":"1","requestTime":"` + now + `","appId":"app",` +
		`"data":{"totalAmount":19.99,"currency":"USD","country":"US","userId":"U10001"}}`
	digest := sha256.Sum256([]byte(body))
	signature, _ := rsa.SignPKCS1v15(nil, merchantKey, crypto.SHA256, digest[:])

	url := server.URL + "/aggregate-pay/api/gateway/applyDropinSession"
	request, _ := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("sign", base64.StdEncoding.EncodeToString(signature))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()

	var answer struct{ Code, Msg string }
	_ = json.NewDecoder(response.Body).Decode(&answer)
	fmt.Println(response.StatusCode, answer.Code, answer.Msg)
	// Output:
	// applyDropinSession verified: true
	// 200 APPLY_SUCCESS Success.
}
