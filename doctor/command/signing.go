package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// Describe takes apart the configuration of a handler that signs, given as JSON without
// the name of the handler. It needs neither the network nor a key file; the keys in the
// result can be loaded as long as ctx is not done. It returns an error if the handler
// cannot be loaded either.
type Describe func(ctx caddy.Context, config []byte) (*Signing, error)

// Signing is a handler that signs, in plain values.
type Signing struct {
	// Merchants are the merchants that the handler signs for. Each name is a suffix that
	// distinguishes the merchant from the handler's others, such as ", merchant 0202", or ""
	// for the only one.
	Merchants []doctor.Merchant
	// Endpoints are the endpoints that the handler signs for, each with its version, such as
	// "refund 1.4".
	Endpoints []string
	// Paths are the paths of these endpoints.
	Paths []string
	// JudgedBy says whose rules validate requests of a version that has no rules of its own,
	// or is "".
	JudgedBy string
	// SettingsError is why the endpoints are not known, or nil.
	SettingsError error
	// Validation is the value of the option validation. IsLenient is true if it lets
	// requests be signed that break PayerMax's rules.
	Validation string
	IsLenient  bool
	// CallerDoubt says why caller_id does not reliably identify callers, and CallerNext what
	// to do about it; both are "" if it does.
	CallerDoubt, CallerNext string
	// IdentifiesCallers is true if caller_id is set, so that unknown callers are refused.
	IdentifiesCallers bool
	// Shadow is true if the application signs, and the handler only compares.
	Shadow bool
	// FollowsClock is true if requestTime follows the gateway's clock.
	FollowsClock bool
	// Timeout is how long a call may take.
	Timeout time.Duration
	// Sandbox is true if the embedded sandbox answers. Credentials are the merchant options
	// that are set as well, and deliberately allowed next to it.
	Sandbox     bool
	Credentials []string
}

// settings reports which endpoints are signed, and how strictly requests are validated.
func (s *Signing) settings() doctor.Result {
	if s.SettingsError != nil {
		return found("", "settings", doctor.Problem, s.SettingsError.Error(), "")
	}
	endpoints := slices.Sorted(slices.Values(s.Endpoints))
	const enough = 7
	if more := len(endpoints) - enough; more > 0 {
		endpoints = append(endpoints[:enough], fmt.Sprintf("and %d more", more))
	}
	message := fmt.Sprintf("signs %s; validation %s", strings.Join(endpoints, ", "), s.Validation)
	switch {
	case s.Shadow:
		return found("", "settings", doctor.Warning, message+"; shadow mode is on, so the application still signs", "remove shadow once the signatures agree")
	case s.IsLenient:
		return found("", "settings", doctor.Warning, message+", so requests that violate PayerMax's rules are signed", "write validation strict once the application is ready")
	case s.JudgedBy != "":
		return found("", "settings", doctor.Warning, message+"; "+s.JudgedBy, "")
	}
	return found("", "settings", doctor.OK, message, "")
}

// callers warns if caller_id does not reliably identify callers.
func (s *Signing) callers() []doctor.Result {
	if s.CallerDoubt == "" {
		return nil
	}
	return []doctor.Result{found("", "callers", doctor.Warning, "caller_id: "+s.CallerDoubt, s.CallerNext)}
}

// Expand expands the value of an option like a handler does, and records placeholders
// that expand to nothing. maxLength is in characters, or 0 for any length.
func Expand(name, configured string, maxLength int, mayBeEmpty bool) doctor.Option {
	return expand(setting.Option{Name: name, Value: configured, MaxLength: maxLength}, mayBeEmpty)
}

// ExpandToken is Expand for an option whose value is a secret.
func ExpandToken(name, configured string) doctor.Option {
	return expand(setting.Option{Name: name, Value: configured, IsSecret: true}, false)
}

func expand(option setting.Option, mayBeEmpty bool) doctor.Option {
	expanded := doctor.Option{Name: option.Name}
	repl := caddy.NewReplacer()
	if expanded.Error = setting.CheckFiles(option.Value); expanded.Error != nil {
		expanded.Error = fmt.Errorf("%s: %w", option.Name, expanded.Error)
		return expanded
	}
	_, _ = repl.ReplaceFunc(option.Value, func(placeholder string, value any) (any, error) {
		if caddy.ToString(value) == "" {
			expanded.Empty = append(expanded.Empty, "{"+placeholder+"}")
		}
		return value, nil
	})
	option.Target = &expanded.Value
	expanded.Error = option.Expand(repl, mayBeEmpty)
	return expanded
}
