package clouds

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
)

const (
	azureKeyPath = "/keys/payermax/78deebed173b48e48f55abf87ed4cf71"
	azureTenant  = "11111111-2222-3333-4444-555555555555"
	azureClient  = "66666666-7777-8888-9999-000000000000"
	azureSecret  = "canary;azure&secret%"
	azureToken   = "canary-azure-token"
)

// serveLogin is Microsoft Entra's login with a client secret.
func serveLogin(w http.ResponseWriter, r *http.Request) {
	base := "https://" + azureLoginHost + "/" + azureTenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		writeJSON(w, http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration",
			"metadata": []any{map[string]any{
				"preferred_network": azureLoginHost, "preferred_cache": azureLoginHost, "aliases": []string{azureLoginHost},
			}},
		})
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	case r.FormValue("client_id") != azureClient || r.FormValue("client_secret") != azureSecret ||
		!strings.Contains(r.FormValue("scope"), "https://vault.azure.net/.default"):
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215"})
	default:
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": azureToken})
	}
}

// serveVault is the part of Azure Key Vault's REST API that a signer needs:
// https://learn.microsoft.com/rest/api/keyvault/keys/sign/sign
func serveVault(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+azureToken {
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://`+azureLoginHost+"/"+azureTenant+`", resource="https://vault.azure.net"`)
		azureError(w, http.StatusUnauthorized)
		return
	}
	kid := "https://" + azureVaultHost + azureKeyPath
	switch {
	case r.URL.Query().Get("api-version") == "":
		azureError(w, http.StatusBadRequest)
	case r.Method == http.MethodGet && r.URL.Path == azureKeyPath:
		public, fail := theKey.public()
		if fail != 0 {
			azureError(w, fail)
			return
		}
		jwk := map[string]string{"kid": kid}
		switch public := public.(type) {
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"], jwk["e"] = "RSA", encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := public.Bytes()
			check(err)
			jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", encode(point[1:33]), encode(point[33:])
		}
		writeJSON(w, http.StatusOK, map[string]any{"key": jwk})
	case r.Method == http.MethodPost && r.URL.Path == azureKeyPath+"/sign":
		var input struct{ Alg, Value string }
		check(json.NewDecoder(r.Body).Decode(&input))
		digest, err := base64.RawURLEncoding.DecodeString(input.Value)
		if err != nil || input.Alg != "RS256" {
			azureError(w, http.StatusBadRequest)
			return
		}
		signature, fail := theKey.sign(digest)
		if fail != 0 {
			azureError(w, fail)
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"kid": kid, "value": encode(signature)})
	default:
		azureError(w, http.StatusNotFound)
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func azureError(w http.ResponseWriter, status int) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"code": "Forbidden", "message": "refused"}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	check(json.NewEncoder(w).Encode(v))
}
