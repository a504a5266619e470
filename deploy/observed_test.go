package deploy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// observedCaddyfile configures a process with everything that counts something: the signing site,
// the gateway that it calls, notifications, and the metrics.
const observedCaddyfile = `{
	admin off
	persist_config off
	auto_https off
}

:SIGNING {
	bind 127.0.0.1
	payermax {
		gateway http://127.0.0.1:GATEWAY
		app_id app
		merchant_no merchant
		private_key merchant.key
		gateway_public_key gateway.pub
		endpoints drop_in
		limits {
			budget IDR 1000000 per day
		}
	}
}

:GATEWAY {
	bind 127.0.0.1
	payermax_sandbox {
		private_key gateway.key
		merchant {
			app_id app
			merchant_no merchant
			public_key merchant.pub
		}
	}
}

:NOTIFICATIONS {
	bind 127.0.0.1
	payermax_notify {
		gateway_public_key gateway.pub
		app_id app
	}
	respond 200
}

:HEALTH {
	bind 127.0.0.1
	payermax_health {
		certificates tls.crt
	}
	metrics /metrics
}
`

// orderCall moves money, so it counts against the budget.
const orderCall = `{"data":{"outTradeNo":"P1","integrate":"Hosted_Checkout","subject":"Shoes","totalAmount":"10000","currency":"IDR","country":"ID",` +
	`"userId":"U1","goodsDetails":[{"goodsId":"1","goodsName":"Shoes","quantity":"1","price":"10000"}],"language":"en",` +
	`"frontCallbackUrl":"https://shop.example/paid","notifyUrl":"https://shop.example/notify"}}`

// observed is a process that serves observedCaddyfile.
type observed struct {
	*testprocess.Process
	folder                                  string
	signing, gateway, notifications, health string // ports
	app                                     *http.Client
}

// observe runs the process. If lost is true, its gateway is a port that nothing listens on.
func observe(t *testing.T, lost bool) *observed {
	t.Helper()
	o := &observed{
		folder: t.TempDir(), app: client(new(http.Transport)),
		signing: freePort(t), gateway: freePort(t), notifications: freePort(t), health: freePort(t),
	}
	for _, name := range []string{"merchant", "gateway"} {
		private, public := keyPair(t)
		require.NoError(t, os.WriteFile(filepath.Join(o.folder, name+".key"), pem.EncodeToMemory(private), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(o.folder, name+".pub"), pem.EncodeToMemory(public), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(o.folder, "tls.crt"), certificate(t), 0o600))
	text := observedCaddyfile
	if lost {
		text = strings.Replace(text, "http://127.0.0.1:GATEWAY", "http://127.0.0.1:"+freePort(t), 1)
	}
	config := strings.NewReplacer("SIGNING", o.signing, "GATEWAY", o.gateway, "NOTIFICATIONS", o.notifications, "HEALTH", o.health).Replace(text)
	require.NoError(t, os.WriteFile(filepath.Join(o.folder, "Caddyfile"), []byte(config), 0o600))
	cmd := exec.CommandContext(context.Background(), caddy(t), "run")
	cmd.Dir = o.folder
	cmd.Env = []string{"HOME=" + o.folder}
	o.Process = start(t, cmd, func() bool { return answers("http://127.0.0.1:" + o.health + "/readyz") })
	return o
}

// certificate makes a certificate in PEM that lasts for a year.
func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// url returns the URL at which the application calls an endpoint.
func (o *observed) url(endpoint string) string {
	return "http://127.0.0.1:" + o.signing + "/aggregate-pay/api/gateway/" + endpoint
}

// metrics returns the URL of the process's metrics.
func (o *observed) metrics() string { return "http://127.0.0.1:" + o.health + "/metrics" }

// fault makes the gateway answer the next calls with a fault.
func (o *observed) fault(t *testing.T, fault string, times int) {
	t.Helper()
	body := fmt.Sprintf(`{"endpoint":"applyDropinSession","fault":%q,"times":%d}`, fault, times)
	request, err := http.NewRequest(http.MethodPut, "http://127.0.0.1:"+o.gateway+"/sandbox/faults", strings.NewReader(body))
	require.NoError(t, err)
	answer, err := o.app.Do(request)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
}

// startObserved runs the process, makes calls of each outcome, and returns the process.
func startObserved(t *testing.T) *observed {
	t.Helper()
	o := observe(t, false)
	call := func(endpoint, body string) string {
		t.Helper()
		_, code, _ := post(t, o.app, o.url(endpoint), body)
		return code
	}
	assert.Equal(t, "APPLY_SUCCESS", call("applyDropinSession", dropinCall))
	assert.Equal(t, "APPLY_SUCCESS", call("orderAndPay", orderCall))
	assert.Equal(t, "PARAMS_INVALID", call("applyDropinSession", strings.Replace(dropinCall, "IDR", "idr", 1)))
	assert.Equal(t, "NOT_FOUND", call("none", dropinCall))
	o.fault(t, "code=TOO_MANY_REQUEST", 1)
	assert.Equal(t, "TOO_MANY_REQUEST", call("applyDropinSession", dropinCall))
	o.fault(t, "wrong-signature", 1)
	assert.Equal(t, "CHECK_SIGN_ERROR", call("applyDropinSession", dropinCall))
	o.fault(t, "reset", 1)
	assert.Equal(t, "REQUEST_TIMEOUT", call("applyDropinSession", dropinCall))

	status, _, _ := post(t, o.app, "http://127.0.0.1:"+o.notifications+"/payermax/callback", `{"code":"APPLY_SUCCESS"}`)
	assert.GreaterOrEqual(t, status, 400, "an unsigned notification is refused")
	return o
}
