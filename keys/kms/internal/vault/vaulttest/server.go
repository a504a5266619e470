// Package vaulttest is a stand-in for a Vault server. It has the part of the HTTP API
// that signing needs, real RSA keys, and the faults that a test asks for. It was written
// from the API's documentation, and shares no code with the client.
package vaulttest

import (
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Server is an http.Handler. Its fields must be changed only in [Server.Change].
type Server struct {
	// Mount and KeyName are the mount path and the name of the transit key; Namespace is
	// its namespace.
	Mount     string
	KeyName   string
	Namespace string

	// Type is the key's type, as the API writes it.
	Type string

	// Versions are the key's private halves: version 1 is the first.
	Versions []*rsa.PrivateKey

	// MinEncryptionVersion is the lowest version that may sign; 0 allows all.
	MinEncryptionVersion int

	// Tokens are the valid tokens.
	Tokens map[string]*Token

	// Role and JWT are what the Kubernetes login accepts. Issue is the template for the
	// tokens that it returns; Issued counts them.
	Role, JWT string
	Issue     Token
	Issued    int

	// Fault, if set, is called first for each request. It returns whether it has
	// answered.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	mu    sync.Mutex
	calls map[string]int
}

// Token is the server's record of a token.
type Token struct {
	TTL       time.Duration // 0: does not expire
	MaxTTL    time.Duration // 0: can be renewed forever
	Renewable bool
	NoLookUp  bool // the token is not allowed to look itself up
	NoSign    bool // the token is not allowed to sign

	Issued  time.Time
	Expires time.Time
	Renewed int
}

// New returns a server with one version of a transit key "payermax" under the mount
// "transit", and the given tokens, which do not expire.
func New(tokens ...string) *Server {
	s := &Server{
		Mount:   "transit",
		KeyName: "payermax",
		Type:    "rsa-2048",
		Tokens:  make(map[string]*Token),
		Role:    "payermax",
		JWT:     "header.CANARY-JWT.signature",
		calls:   make(map[string]int),
	}
	for _, token := range tokens {
		s.Tokens[token] = &Token{Issued: time.Now()}
	}
	s.Versions = append(s.Versions, testkeys.New(2048))
	return s
}

// Change changes the server between two requests.
func (s *Server) Change(change func(s *Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Calls returns how often a path was called, such as "POST /v1/auth/token/renew-self".
func (s *Server) Calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

// Answer returns a Fault that gives the same answer to each request whose path ends with
// suffix.
func Answer(suffix string, status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if len(r.URL.Path) < len(suffix) || r.URL.Path[len(r.URL.Path)-len(suffix):] != suffix {
			return false
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// RoundTrip lets a client use the server as its transport, without a network. So time can
// be simulated (testing/synctest), which is not possible with sockets.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return answer.Result(), nil
}
