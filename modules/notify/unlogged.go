package notify

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// watchKey is the context key of requests whose errors are kept out of the server's log.
type watchKey struct{}

// watch is what the outermost handler of this package knows about an error behind it.
type watch struct{ isLogged bool }

// unlogged lets next serve a request whose error must not reach the server. The server would
// log it with the request's header, which contains PayerMax's signature. The outermost
// handler of this package does what the server would do: it gives the error to the routes for
// errors, if the config has any, and otherwise answers with the error's status. If next has
// not logged the error itself, unlogged logs it.
func unlogged(logger *zap.Logger, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Context().Value(watchKey{}) != nil {
		return next.ServeHTTP(w, r)
	}
	watched, seen := new(watch), reply.NewWitness(w)
	err := next.ServeHTTP(seen, r.WithContext(context.WithValue(r.Context(), watchKey{}, watched)))
	if err == nil {
		return nil
	}
	if !watched.isLogged {
		logFailure(logger, err)
	}
	if seen.Status() == 0 {
		answerFailure(logger, seen, r, err)
	}
	return nil
}

// noteLogged records that the error of a request has been logged already.
func noteLogged(ctx context.Context) {
	if watched, ok := ctx.Value(watchKey{}).(*watch); ok {
		watched.isLogged = true
	}
}

// answerFailure answers a request that has failed. Routes for errors get the request as it
// came to the server. If they fail as well, the first error's status is used.
func answerFailure(logger *zap.Logger, seen *reply.Witness, r *http.Request, err error) {
	if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && server.Errors != nil {
		r = server.Errors.WithError(r, err)
		restore(r)
		unanswered := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
		if again := server.Errors.Routes.Compile(unanswered).ServeHTTP(seen, r); again != nil {
			logFailure(logger, again)
		}
	}
	if seen.Status() == 0 {
		seen.WriteHeader(statusOf(err))
	}
}

// restore gives a request the method and the URL with which it came to the server.
func restore(r *http.Request) {
	original := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	r.Method, r.RequestURI, r.RemoteAddr, r.URL = original.Method, original.RequestURI, original.RemoteAddr, new(*original.URL)
}

// statusOf returns the status with which the server would answer an error.
func statusOf(err error) int {
	if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok && failed.StatusCode != 0 {
		return failed.StatusCode
	}
	return http.StatusInternalServerError
}

// logFailure logs an error instead of the server, at the level that the server would use.
func logFailure(logger *zap.Logger, err error) {
	log := logger.Error
	if statusOf(err) < http.StatusInternalServerError {
		log = logger.Debug
	}
	log("a handler failed", append(whyOf(err), zap.Int("status", statusOf(err)))...)
}

// isSigned reports whether a request has a signature, valid or not.
func isSigned(r *http.Request) bool { return len(protocol.Signatures(r.Header)) > 0 }
