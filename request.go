package payermax

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// match returns the route that the request is for. The path must be exactly the
// endpoint's: the gateway might treat a path that becomes the endpoint's only after
// decoding or cleaning as another endpoint.
func (h *Handler) match(r *http.Request) (route, error) {
	matched, ok := h.routes[r.URL.Path]
	switch {
	case r.Header.Get("User-Agent") == protocol.SidecarName:
		return route{}, loopDetected()
	case !ok || r.URL.RawPath != "":
		return route{}, notServed(r.URL)
	case r.Method != http.MethodPost:
		return route{}, methodNotAllowed()
	case r.URL.RawQuery != "":
		return matched, badRequest("the request has a query string, which the signature does not cover; send all data in the body")
	}
	return matched, nil
}

// notServed refuses a path, and distinguishes an endpoint that is not enabled from one
// that does not exist.
func notServed(u *url.URL) *reply.Refusal {
	name, _ := strings.CutPrefix(u.Path, protocol.PathPrefix)
	if _, ok := protocol.Lookup(name); ok && u.RawPath == "" && u.Path == protocol.PathPrefix+name {
		return reply.Denied(limits.ByEndpoint, "endpoints", http.StatusForbidden, "ENDPOINT_NOT_ENABLED",
			name+" is not enabled in this sidecar; the operator can enable it with the option endpoints")
	}
	return reply.ClientError(http.StatusNotFound, "NOT_FOUND", "there is no such endpoint; "+instead(path.Base(u.Path)))
}

// instead says what to call in place of an endpoint that does not exist. It does not
// repeat the unknown name, unless that is an endpoint that the sidecar knows but does not
// sign.
func instead(name string) string {
	if slices.Contains(protocol.Unsigned, name) {
		return "the sidecar does not sign " + name + ", which has a different envelope"
	}
	if meant := endpointMeant(name); meant != "" {
		return "did you mean " + protocol.PathPrefix + meant + "?"
	}
	return "use a path such as " + protocol.PathPrefix + protocol.SessionEndpoint
}

// endpointMeant returns the endpoint that an unknown name was probably meant to be, or "".
func endpointMeant(name string) string {
	const longest = 64 // a longer name cannot be a misspelling, and would take long to compare
	if len(name) > longest {
		return ""
	}
	var names []string
	for _, e := range protocol.Endpoints() {
		names = append(names, e.Name)
	}
	return grammar.Suggest(name, names)
}

func methodNotAllowed() *reply.Refusal {
	f := reply.ClientError(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED",
		"PayerMax's API is POST only; send the request as POST")
	f.Header = http.Header{"Allow": {http.MethodPost}}
	return f
}

// loopDetected refuses a request that a sidecar has sent: its gateway is a sidecar, by
// mistake or through another proxy, and the call would go round in circles until it times
// out.
func loopDetected() *reply.Refusal {
	f := reply.ClientError(http.StatusLoopDetected, "LOOP_DETECTED",
		"the request comes from a sidecar; gateway must not point to a sidecar")
	f.ProxyError = "proxy_loop_detected"
	return f
}

func badRequest(msg string) *reply.Refusal {
	return reply.ClientError(http.StatusBadRequest, "PARAMS_INVALID", msg)
}

// read returns the request's body unchanged. It refuses a body that is larger than
// max_body_size, that does not arrive in time, or that is not declared as JSON.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkContentType(r.Header); err != nil {
		return nil, err
	}
	if r.ContentLength > h.MaxBodySize {
		return nil, tooLarge(h.MaxBodySize, "max_body_size")
	}
	connection := http.NewResponseController(w)
	if h.endReadingInTime(r.Context(), connection) {
		defer func() { _ = connection.SetReadDeadline(time.Time{}) }() // as net/http does after a body
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, h.MaxBodySize), r.ContentLength)
	if exceeded, ok := errors.AsType[*http.MaxBytesError](err); ok {
		if exceeded.Limit < h.MaxBodySize {
			return nil, tooLarge(exceeded.Limit, "a request_body directive")
		}
		return nil, tooLarge(h.MaxBodySize, "max_body_size")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, badRequest("the complete body did not arrive in time; send it without delay, with as many bytes as Content-Length says")
	}
	if err != nil {
		return nil, badRequest("the body is incomplete; send as many bytes as Content-Length says")
	}
	return body, nil
}

func tooLarge(limit int64, by string) *reply.Refusal {
	return reply.ClientError(http.StatusRequestEntityTooLarge, "CONTENT_TOO_LARGE",
		fmt.Sprintf("the body is larger than the %d bytes that %s allows", limit, by))
}

// endReadingInTime makes reading the body fail at the call's deadline, and reports
// whether it has set a read deadline, which the caller must then clear after the body. It
// sets none if the server's own read timeout ends no later.
func (h *Handler) endReadingInTime(ctx context.Context, connection *http.ResponseController) bool {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server != nil && server.ReadTimeout > 0 && server.ReadTimeout <= h.Timeout {
		return false
	}
	end, _ := ctx.Deadline()
	return connection.SetReadDeadline(end) == nil // not every connection supports deadlines
}

// firstPiece is how many bytes are allocated for a body before any of it has arrived.
// Most bodies are smaller.
const firstPiece = 4 << 10

// readAll reads r to its end. length is the announced length, or negative if that is
// unknown. The buffer grows with the bytes that arrive, since a client may send fewer
// than it announces. A body of up to firstPiece bytes takes a single allocation of its
// exact length.
func readAll(r io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, 0, min(length, firstPiece))
	for int64(len(body)) < length {
		if len(body) == cap(body) { // quadruple, since the outgrown buffer takes memory, too
			body = slices.Grow(body, int(min(length-int64(len(body)), 3*int64(len(body)))))
		}
		n, err := r.Read(body[len(body):min(int64(cap(body)), length)])
		body = body[:len(body)+n]
		if err != nil && int64(len(body)) < length {
			return nil, err
		}
	}
	return body, nil
}

// checkContentType accepts only plain JSON in UTF-8. A content coding is refused rather
// than decoded, because the bytes of data are sent exactly as they arrived.
func checkContentType(header http.Header) error {
	if protocol.IsCoded(header) {
		return unsupportedMediaType("the body has a content coding; send it without Content-Encoding")
	}
	contentType := header.Get("Content-Type")
	if contentType == "application/json" { // the fast path: nearly every application writes it like this
		return nil
	}
	const send = "send Content-Type: application/json"
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	charset, hasCharset := parameters["charset"]
	switch {
	case strings.TrimSpace(contentType) == "":
		return unsupportedMediaType("there is no Content-Type; " + send)
	case errors.Is(err, mime.ErrInvalidMediaParameter):
		return unsupportedMediaType("a parameter of Content-Type has no value; " + send)
	case err != nil || mediaType != "application/json":
		return unsupportedMediaType("Content-Type is not application/json; " + send)
	case hasCharset && !protocol.IsUTF8(charset):
		return unsupportedMediaType("Content-Type names a character set other than UTF-8; " + send)
	}
	return nil
}

func unsupportedMediaType(msg string) *reply.Refusal {
	return reply.ClientError(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", msg)
}

// understand parses the application's JSON and finds out which merchant it is for. If the
// request is well-formed, a refusal lists everything that is wrong with it at once: first
// what contradicts the configuration, then what breaks the rules of the endpoint.
func (h *Handler) understand(c *call, r *http.Request, body []byte) (request, error) {
	read, err := envelope.Read(body)
	if problem, ok := errors.AsType[*envelope.Error](err); ok {
		return request{}, invalid([]validate.Violation{violation(problem)})
	}
	if err != nil {
		return request{}, fmt.Errorf("reading the request: %w", err)
	}
	merchant, err := h.merchants.choose(r, read)
	if err != nil {
		return request{}, err
	}
	understood := request{Envelope: read, merchant: merchant}
	if err := merchant.checkTokenHeaders(r.Header); err != nil {
		return understood, err
	}

	var violations []validate.Violation
	for _, problem := range read.Check(merchant.identity) {
		violations = append(violations, violation(problem))
	}
	verdict := h.validate(r.Context(), c, read.Data())
	if h.Validation == validationWarn {
		understood.warned = verdict.Broken
	} else {
		violations = append(violations, verdict.Broken...)
	}
	if len(violations) > 0 {
		return understood, invalid(violations)
	}
	understood.disputed = verdict.Disputed
	return understood, nil
}

// invalid refuses a body that breaks rules, and lists all of them.
func invalid(violations []validate.Violation) *reply.Refusal {
	msg := violations[0].Message
	if more := len(violations) - 1; more > 0 {
		msg = fmt.Sprintf("%s (and %d more, see errors)", msg, more)
	}
	f := badRequest(msg)
	f.Errors = violations
	return f
}

// validate judges the data by the endpoint's rules. The verdict is empty if there are no
// rules, or if validation is off.
func (h *Handler) validate(ctx context.Context, c *call, data []byte) validate.Verdict {
	if c.route.rules == nil || h.Validation == validationOff {
		return validate.Verdict{}
	}
	_, span := c.startSpan(ctx, "validate")
	defer span.End()
	return c.route.rules.Judge(data)
}

// violation converts the envelope's error into the form that the application gets.
func violation(e *envelope.Error) validate.Violation {
	return validate.Violation{Field: e.Field, Row: envelopeRow(e.Field), Rule: e.Rule, Message: e.Message}
}

// envelopeRow returns the envelope field that a JSON Pointer points to, or into, or "" if
// the envelope has no such field.
func envelopeRow(pointer string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	if slices.Contains([]string{"version", "keyVersion", "requestTime", "appId", "merchantAppId", "merchantNo", "spMerchantNo", "data"}, name) {
		return name
	}
	return ""
}
