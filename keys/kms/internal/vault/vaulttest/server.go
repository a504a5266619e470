// Package vaulttest is a stand-in for the server: the part of Vault's HTTP API that
// signing needs, with real RSA keys, and with the faults that a test asks for. It
// was written from the API's documentation, and shares no code with the client.
package vaulttest

import (
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Server is an http.Handler. Its fields may be changed in [Server.Change] only.
type Server struct {
	// Mount and KeyName are where the transit key is, and Namespace the namespace.
	Mount     string
	KeyName   string
	Namespace string

	// Type is the key's type, as the API writes it.
	Type string

	// Versions are the key's private halves: version 1 is the first.
	Versions []*rsa.PrivateKey

	// MinEncryptionVersion is the lowest version that may sign, if not 0.
	MinEncryptionVersion int

	// Tokens are the tokens that are good, and until when.
	Tokens map[string]*Token

	// Role and JWT are what the Kubernetes login takes. Issue is what it gives;
	// Issued counts it.
	Role, JWT string
	Issue     Token
	Issued    int

	// Fault, if set, is asked first. It returns whether it has answered.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	mu    sync.Mutex
	calls map[string]int
}

// Token is what the server knows of a token.
type Token struct {
	TTL       time.Duration // 0: does not end
	MaxTTL    time.Duration // 0: can be renewed forever
	Renewable bool
	NoLookUp  bool // no policy allows it to look itself up
	NoSign    bool // no policy allows it to sign

	Issued  time.Time
	Expires time.Time
	Renewed int
}

// New returns a server with one version of a transit key "payermax" under the mount
// "transit", and the given tokens, which do not end.
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

// Answer is a Fault that gives the same answer to each request whose path ends as
// given.
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

// RoundTrip makes the server a client's transport, without a network. That lets
// time be simulated (testing/synctest), which a socket does not.
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
