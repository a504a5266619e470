package kms

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVaultCaddyfile(t *testing.T) {
	for name, test := range map[string]struct{ input, want string }{
		"least": {
			`vault https://vault.example.com:8200 {
				key payermax
				token_file /run/vault/token
			}`,
			`{"address":"https://vault.example.com:8200","key":"payermax","token_file":"/run/vault/token"}`,
		},
		"Kubernetes by default": {
			`vault https://vault.example.com:8200 {
				key payermax
				kubernetes payments
			}`,
			`{"address":"https://vault.example.com:8200","key":"payermax","kubernetes":{"role":"payments"}}`,
		},
		"everything": {
			`vault {env.VAULT_ADDR} {
				key payermax
				version 3
				mount teams/payments/transit
				namespace admin/team-a
				kubernetes payments {
					mount clusters/one
					service_account_token /run/token
				}
				ca /etc/vault/ca.pem
				timeout 3s
				max_in_flight 16
				refresh 30s
			}`,
			`{"address":"{env.VAULT_ADDR}","key":"payermax","version":3,"mount":"teams/payments/transit","namespace":"admin/team-a",
			"kubernetes":{"role":"payments","mount":"clusters/one","service_account_token":"/run/token"},
			"ca":"/etc/vault/ca.pem","timeout":3000000000,"max_in_flight":16,"refresh":30000000000}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := new(Vault)
			require.NoError(t, v.UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.input)))
			config, err := json.Marshal(v)
			require.NoError(t, err)
			assert.JSONEq(t, test.want, string(config))
		})
	}
}

func TestVaultCaddyfileRefuses(t *testing.T) {
	for name, test := range map[string]struct{ input, err string }{
		"no address":     {`vault`, "too few or too many values"},
		"two addresses":  {`vault a b`, "too few or too many values"},
		"unknown option": {"vault a {\n token hvs.x \n}", "the key source vault has no option token"},
		"twice":          {"vault a {\n key a \n key b \n}", "key is already set"},
		"both twice":     {"vault a {\n kubernetes a \n kubernetes b \n}", "kubernetes is already set"},
		"no key":         {"vault a {\n key \n}", "must have one value"},
		"two keys":       {"vault a {\n key a b \n}", "must have one value"},
		"no role":        {"vault a {\n kubernetes {\n mount b \n } \n}", "must have one value"},
		"nested unknown": {"vault a {\n kubernetes b {\n jwt c \n } \n}", "kubernetes has no option jwt"},
		"nested twice":   {"vault a {\n kubernetes b {\n mount c \n mount d \n } \n}", "mount is already set"},
		"bad version":    {"vault a {\n version latest \n}", `version: "latest" is not a number from 1 on`},
		"version 0":      {"vault a {\n version 0 \n}", `version: "0" is not a number from 1 on`},
		"no timeout":     {"vault a {\n timeout \n}", "must have one value"},
		"bad timeout":    {"vault a {\n timeout soon \n}", `timeout: "soon" is not a duration from 1ms`},
		"zero timeout":   {"vault a {\n timeout 0s \n}", `timeout: "0s" is not a duration from 1ms`},
		"bad refresh":    {"vault a {\n refresh -1s \n}", `refresh: "-1s" is not a duration from 1ms`},
		"bad limit":      {"vault a {\n max_in_flight none \n}", `max_in_flight: "none" is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			err := new(Vault).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.input))
			assert.ErrorContains(t, err, test.err)
		})
	}
}
