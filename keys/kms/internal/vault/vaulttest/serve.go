package vaulttest

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// ServeHTTP answers as the API's documentation describes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls[r.Method+" "+r.URL.Path]++
	fault := s.Fault
	s.mu.Unlock()
	// The lock is not held here, because a fault may take a long time.
	if fault != nil && fault(w, r) {
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("X-Vault-Request") != "true" {
		refuse(w, http.StatusPreconditionFailed, "missing 'X-Vault-Request' header")
		return
	}
	if r.Header.Get("X-Vault-Namespace") != s.Namespace {
		refuse(w, http.StatusNotFound, "no handler for route")
		return
	}
	if r.Method == http.MethodPost && r.URL.Path == "/v1/auth/kubernetes/login" {
		s.login(w, r)
		return
	}
	text := r.Header.Get("X-Vault-Token")
	token := s.Tokens[text]
	if token == nil || token.TTL > 0 && !time.Now().Before(token.Expires) {
		// Unlike the real server, this quotes the token, to test that the client does not
		// repeat it.
		refuse(w, http.StatusForbidden, "permission denied: invalid token "+text)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/auth/token/lookup-self":
		s.lookUp(w, token)
	case "POST /v1/auth/token/renew-self":
		s.renew(w, text, token)
	case "GET /v1/" + s.Mount + "/keys/" + s.KeyName:
		s.readKey(w)
	case "POST /v1/" + s.Mount + "/sign/" + s.KeyName + "/sha2-256":
		s.sign(w, r, token)
	default:
		refuse(w, http.StatusNotFound, "no handler for route "+r.URL.Path)
	}
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ Role, JWT string }
	if decode(w, r, &body) != nil {
		return
	}
	if r.Header.Get("X-Vault-Token") != "" {
		refuse(w, http.StatusBadRequest, "a login needs no token")
		return
	}
	if body.Role != s.Role || body.JWT != s.JWT {
		refuse(w, http.StatusForbidden, "permission denied: "+body.JWT)
		return
	}
	s.Issued++
	text := fmt.Sprintf("hvs.CANARY-TOKEN-%d", s.Issued)
	token := s.Issue
	token.Issued = time.Now()
	token.Expires = token.Issued.Add(token.TTL)
	s.Tokens[text] = &token
	reply(w, map[string]any{"auth": map[string]any{
		"client_token":   text,
		"accessor":       "accessor",
		"lease_duration": int(token.TTL.Seconds()),
		"renewable":      token.Renewable,
	}})
}

func (s *Server) lookUp(w http.ResponseWriter, token *Token) {
	if token.NoLookUp {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	var ttl time.Duration
	if token.TTL > 0 {
		ttl = time.Until(token.Expires)
	}
	reply(w, map[string]any{"data": map[string]any{
		"ttl":       int(ttl.Seconds()),
		"renewable": token.Renewable,
	}})
}

func (s *Server) renew(w http.ResponseWriter, text string, token *Token) {
	if !token.Renewable {
		refuse(w, http.StatusBadRequest, "lease is not renewable")
		return
	}
	token.Renewed++
	token.Expires = time.Now().Add(token.TTL)
	if end := token.Issued.Add(token.MaxTTL); token.MaxTTL > 0 && token.Expires.After(end) {
		token.Expires = end
	}
	reply(w, map[string]any{"auth": map[string]any{
		"client_token":   text,
		"lease_duration": int(time.Until(token.Expires).Seconds()),
		"renewable":      true,
	}})
}

func (s *Server) readKey(w http.ResponseWriter) {
	keys := make(map[string]any)
	for i, key := range s.Versions {
		if key == nil {
			continue // trimmed
		}
		keys[strconv.Itoa(i+1)] = map[string]any{
			"name":       s.Type,
			"public_key": testkeys.PublicPEM(&key.PublicKey),
		}
	}
	reply(w, map[string]any{"data": map[string]any{
		"name":                   s.KeyName,
		"type":                   s.Type,
		"keys":                   keys,
		"latest_version":         len(s.Versions),
		"min_encryption_version": s.MinEncryptionVersion,
	}})
}

func (s *Server) sign(w http.ResponseWriter, r *http.Request, token *Token) {
	var body struct {
		Input              string
		Prehashed          bool
		SignatureAlgorithm string `json:"signature_algorithm"`
		KeyVersion         int    `json:"key_version"`
	}
	if decode(w, r, &body) != nil {
		return
	}
	digest, err := base64.StdEncoding.DecodeString(body.Input)
	switch {
	case token.NoSign:
		refuse(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	case err != nil || len(digest) != 32 || !body.Prehashed || body.SignatureAlgorithm != "pkcs1v15":
		refuse(w, http.StatusBadRequest, "not what PayerMax's signature needs")
	case body.KeyVersion < 1 || body.KeyVersion > len(s.Versions):
		refuse(w, http.StatusBadRequest, "requested version for signing is higher than the latest key version")
	case body.KeyVersion < s.MinEncryptionVersion:
		refuse(w, http.StatusBadRequest, "requested version for signing is less than the minimum encryption key version")
	default:
		signature, err := rsa.SignPKCS1v15(nil, s.Versions[body.KeyVersion-1], crypto.SHA256, digest)
		if err != nil {
			panic(err)
		}
		reply(w, map[string]any{"data": map[string]any{
			"signature":   fmt.Sprintf("vault:v%d:%s", body.KeyVersion, base64.StdEncoding.EncodeToString(signature)),
			"key_version": body.KeyVersion,
		}})
	}
}

func decode(w http.ResponseWriter, r *http.Request, body any) error {
	err := json.NewDecoder(r.Body).Decode(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
	}
	return err
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{message}})
}
