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

// Describe takes the configuration of a handler that signs apart: its JSON, without
// the name of the handler. It needs no network and no file of a key; what it returns
// can load keys from other sources as long as ctx lives. The error says that the
// handler cannot be loaded either.
type Describe func(ctx caddy.Context, config []byte) (*Signing, error)

// Signing is a handler that signs, in plain values.
type Signing struct {
	// Merchants are those it signs for. The name of each is what tells it from the
	// others of the handler, such as ", merchant 0202", or "" for the only one.
	Merchants []doctor.Merchant
	// Endpoints are those it signs for, each with its version, such as "refund 1.4".
	Endpoints []string
	// Paths are the paths of these endpoints.
	Paths []string
	// JudgedBy says whose rules judge requests of a version that has none of its own, or
	// is "".
	JudgedBy string
	// SettingsError is why its endpoints are not known, or nil.
	SettingsError error
	// Validation is the option's value. IsLenient says that it lets requests be signed
	// that break PayerMax's rules.
	Validation string
	IsLenient  bool
	// CallerDoubt says why caller_id hardly says who calls, and CallerNext what to do; both
	// are "" if it does.
	CallerDoubt, CallerNext string
	// Shadow says that the application signs, and the handler only compares.
	Shadow bool
	// FollowsClock says that requestTime follows the gateway's clock.
	FollowsClock bool
	// Timeout is how long a call may take.
	Timeout time.Duration
	// Sandbox says that the embedded sandbox answers. Credentials are the options of a
	// merchant's that stand beside it and are meant to.
	Sandbox     bool
	Credentials []string
}

// settings says which endpoints are signed, and how strictly.
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

// callers says why the callers can hardly be told apart, if that is so.
func (s *Signing) callers() []doctor.Result {
	if s.CallerDoubt == "" {
		return nil
	}
	return []doctor.Result{found("", "callers", doctor.Warning, "caller_id: "+s.CallerDoubt, s.CallerNext)}
}

// Expand expands the value of an option as a handler does, and notes placeholders that
// stand for nothing. maxLength is in characters, or 0 for any length.
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
