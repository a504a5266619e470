package deploy

import (
	"context"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// observedCaddyfile is a process with everything that counts something: the
// signing site, the gateway that it talks to, notifications, and the metrics.
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
	payermax_health
	metrics /metrics
}
`

// startObserved runs the process, has it handle calls of each outcome, and
// returns the port of its metrics.
func startObserved(t *testing.T) (healthPort string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"merchant", "gateway"} {
		private, public := keyPair(t)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".key"), pem.EncodeToMemory(private), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".pub"), pem.EncodeToMemory(public), 0o600))
	}
	signing, gateway, notifications, health := freePort(t), freePort(t), freePort(t), freePort(t)
	config := strings.NewReplacer("SIGNING", signing, "GATEWAY", gateway, "NOTIFICATIONS", notifications, "HEALTH", health).Replace(observedCaddyfile)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "Caddyfile"), []byte(config), 0o600))
	cmd := exec.CommandContext(context.Background(), caddy(t), "run")
	cmd.Dir = folder
	cmd.Env = []string{"HOME=" + folder}
	start(t, cmd, func() bool { return answers("http://127.0.0.1:" + health + "/readyz") })

	app := client(new(http.Transport))
	call := func(endpoint, body string) string {
		t.Helper()
		_, code, _ := post(t, app, "http://127.0.0.1:"+signing+"/aggregate-pay/api/gateway/"+endpoint, body)
		return code
	}
	fault := func(fault string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPut, "http://127.0.0.1:"+gateway+"/sandbox/faults",
			strings.NewReader(`{"endpoint":"applyDropinSession","fault":"`+fault+`","times":1}`))
		require.NoError(t, err)
		answer, err := app.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, http.StatusNoContent, answer.StatusCode)
	}
	assert.Equal(t, "APPLY_SUCCESS", call("applyDropinSession", dropinCall))
	assert.Equal(t, "PARAMS_INVALID", call("applyDropinSession", strings.Replace(dropinCall, "IDR", "idr", 1)))
	assert.Equal(t, "NOT_FOUND", call("none", dropinCall))
	fault("code=TOO_MANY_REQUEST")
	assert.Equal(t, "TOO_MANY_REQUEST", call("applyDropinSession", dropinCall))
	fault("wrong-signature")
	assert.Equal(t, "CHECK_SIGN_ERROR", call("applyDropinSession", dropinCall))
	fault("reset")
	assert.Equal(t, "REQUEST_TIMEOUT", call("applyDropinSession", dropinCall))

	status, _, _ := post(t, app, "http://127.0.0.1:"+notifications+"/payermax/callback", `{"code":"APPLY_SUCCESS"}`)
	assert.GreaterOrEqual(t, status, 400, "an unsigned notification is refused")
	return health
}
