package sandbox

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
)

const (
	// controlPath is the prefix of the paths for tests and people, which the package documentation lists.
	controlPath = "/sandbox/"

	// barePath is controlPath as people tend to type it.
	barePath = "/sandbox"

	// challengePath is the prefix of the page that a payment with 3DS redirects the buyer to.
	challengePath = controlPath + "3ds/"

	// maxControlBody is how many bytes of a request's body are read.
	maxControlBody = 64 << 10
)

// IsControl reports whether a path belongs to the sandbox's page or to the controls for tests, rather than to one of
// PayerMax's interfaces.
func IsControl(path string) bool {
	return strings.HasPrefix(path, controlPath) || path == barePath
}

// sameOrigin refuses requests that another site's page makes a developer's browser send.
var sameOrigin = http.NewCrossOriginProtection()

// control holds the handlers under /sandbox/, by path and method.
var control = map[string]map[string]func(*Gateway, http.ResponseWriter, *http.Request){
	"":     {http.MethodGet: (*Gateway).servePage},
	"live": {http.MethodGet: (*Gateway).serveLive},
	"calls": {http.MethodGet: func(g *Gateway, w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, g.state().recentCalls())
	}},
	"notifications": {http.MethodGet: func(g *Gateway, w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, g.state().recentNotifications())
	}},
	"key": {http.MethodGet: (*Gateway).serveKey},
	"faults": {
		http.MethodGet: func(g *Gateway, w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, g.state().waitingFaults())
		},
		http.MethodPut: (*Gateway).putFault,
		http.MethodDelete: func(g *Gateway, w http.ResponseWriter, _ *http.Request) {
			g.state().clearFaults()
			w.WriteHeader(http.StatusNoContent)
		},
	},
	"settle": {http.MethodPost: (*Gateway).serveSettle},
	"sessions": {http.MethodDelete: func(g *Gateway, w http.ResponseWriter, _ *http.Request) {
		g.state().ledger.expireSessions(g.now())
		w.WriteHeader(http.StatusNoContent)
	}},
	"reset": {http.MethodPost: (*Gateway).serveReset},
}

// serveSandbox answers everything under /sandbox/. OnCall is not called for these requests.
func (g *Gateway) serveSandbox(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if key, ours := strings.CutPrefix(r.URL.Path, challengePath); ours {
		g.serveChallenge(w, r, key)
		return
	}
	if name, ours := strings.CutPrefix(r.URL.Path, dropInPath); ours {
		g.serveDropIn(w, r, name)
		return
	}
	if r.URL.Path == barePath && !g.NoControl {
		http.Redirect(w, r, controlPath, http.StatusTemporaryRedirect)
		return
	}
	methods, known := control[strings.TrimPrefix(r.URL.Path, controlPath)]
	if g.NoControl || !known {
		controlError(w, http.StatusNotFound, "there is nothing here")
		return
	}
	if err := sameOrigin.Check(r); err != nil {
		controlError(w, http.StatusForbidden, err.Error())
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	serve, allowed := methods[method]
	if !allowed {
		for name := range methods {
			header.Add("Allow", name)
		}
		controlError(w, http.StatusMethodNotAllowed, "the method is not allowed")
		return
	}
	serve(g, w, r)
}

// kinds names the types of a control's members in error messages.
var kinds = map[reflect.Kind]string{reflect.String: "string", reflect.Int: "whole number"}

// readControl decodes the one JSON object that a test sends. It refuses unknown members, since a misspelt one would
// leave a test without its fault.
func readControl(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	mistyped, isMistyped := errors.AsType[*json.UnmarshalTypeError](err)
	_, isMalformed := errors.AsType[*json.SyntaxError](err)
	switch {
	case isMistyped && mistyped.Field != "":
		return fmt.Errorf("%s: must be a %s, but is a %s", mistyped.Field, kinds[mistyped.Type.Kind()], mistyped.Value)
	case isMistyped, errors.Is(err, io.EOF):
		return errors.New("the body must be a JSON object")
	case isMalformed, errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the body must be a JSON object: %w", err)
	case err != nil:
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body must be one JSON object and nothing after it")
	}
	return nil
}

// putFault schedules a fault.
func (g *Gateway) putFault(w http.ResponseWriter, r *http.Request) {
	var f scheduledFault
	err := readControl(w, r, &f)
	if err == nil {
		err = g.state().schedule(f)
	}
	if err != nil {
		controlError(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveReset discards all state.
func (g *Gateway) serveReset(w http.ResponseWriter, r *http.Request) {
	if err := g.reset(r.Context()); err != nil {
		controlError(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveKey answers with the public key.
func (g *Gateway) serveKey(w http.ResponseWriter, _ *http.Request) {
	der, err := x509.MarshalPKIXPublicKey(g.PublicKey())
	if err != nil {
		controlError(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_ = pem.Encode(w, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// writeJSON answers with a value that can always be encoded. Errors are ignored, since they can only mean that the
// client has gone away.
func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// controlError refuses a request in plain text.
func controlError(w http.ResponseWriter, status int, msg string) {
	http.Error(w, msg, status)
}
