package e2e

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// A file that contains more than the token is refused by validate and by the doctor. Both name the
// same command; pasted from validate's log, it makes a file that is accepted.
func TestTokenFilesThatPeopleWrite(t *testing.T) {
	t.Parallel()
	token := func(path string) string {
		return configFile(t, 8080, "gateway uat", "app_id "+appID, "private_key "+testkeys.WritePrivate(t, testkeys.Merchant()),
			"gateway_public_key "+testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), "sp_merchant_no 300", "merchant_auth_token {file."+path+"}")
	}
	validate := func(path string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		said, err := caddyCommand(t, ctx, nil, "validate", "--adapter", "caddyfile", "--config", token(path)).CombinedOutput()
		require.NoError(t, ctx.Err())
		return string(said), err
	}
	for content, says := range map[string]string{
		`{"token":"` + canaryBearer + `"}`:                                          "is a JSON, XML or HTML document",
		"{\n  \"access_token\": \"" + canaryBearer + "\",\n  \"expires_in\": 60\n}": "is a JSON, XML or HTML document",
		"export PAYERMAX_TOKEN=" + canaryBearer + "\n":                              "has the name of a setting",
		`"` + canaryBearer + `"` + "\r\n":                                           "has quotes in it",
	} {
		path := testkeys.WriteFile(t, content)
		said, err := validate(path)
		require.Error(t, err, says)
		for _, words := range []string{"merchant_auth_token: ", says, "take it out with: "} {
			assert.Contains(t, said, words)
		}
		assert.NotContains(t, said, canaryBearer)
		ran := doctor(t, nil, "--offline", "--config", token(path))
		assert.Equal(t, 1, ran.exitCode)
		assert.Contains(t, ran.stdout, "[problem] load: ")
		assert.Contains(t, ran.stdout, "take it out with: ")
		assert.NotContains(t, ran.stdout, canaryBearer)

		_, command, _ := strings.Cut(said, "take it out with: ")
		command, _, found := strings.Cut(command, " and name ")
		require.True(t, found, said)
		require.True(t, json.Valid([]byte(`"`+command+`"`)) && !strings.Contains(command, `\`), command)
		for _, program := range []string{"jq", "sed"} {
			if strings.Contains(command, program+" ") {
				testtool.Find(t, program)
			}
		}
		executed, err := exec.Command(testtool.Find(t, "sh"), "-c", command).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, executed)
		said, err = validate(path + ".value")
		assert.NoError(t, err, said)
	}
}
