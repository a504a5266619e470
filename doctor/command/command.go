// Package command implements payermax-doctor, the subcommand: it takes a config apart
// with Caddy's own code, hands it to the doctor as plain values, and prints the report.
//
// It does not depend on the handler that signs; all it knows about that is what
// [Describe] returns.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/commandline"
)

// The exit codes of payermax-doctor. If there is no problem, the code is 0.
const (
	exitProblems    = 1
	exitCouldNotRun = 2
)

// Doctor returns the payermax-doctor subcommand, which checks everything that the first
// call of a configuration needs.
func Doctor(describe Describe) caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-doctor",
		Usage: "[--config PATH] [--adapter NAME] [--offline] [--call] [--termination-grace-period DURATION] [--json]",
		Short: "Checks everything that the first call to PayerMax needs",
		Long: `
Checks everything that can be checked before the first call to PayerMax, and prints
for each check what it found and what to do next: whether the config loads; the
merchants' options and keys, and who may read the key files; whether PayerMax's
public key is PayerMax's; the connection to the gateway, its certificate, and the
clock.

	$ caddy payermax-doctor --config /etc/caddy/Caddyfile
	$ caddy payermax-doctor --config /etc/caddy/Caddyfile --call

Run it as the sidecar's user and in the sidecar's environment; otherwise, it checks
something else. It binds no port, writes no log, changes nothing and prints no
secret. To find out whether another program uses the sites' ports, it sends a GET
request to each, unless --offline is given.

With --termination-grace-period, the pod's terminationGracePeriodSeconds, it says
whether a shutdown ends before the sidecar is killed. The environment variable
PAYERMAX_TERMINATION_GRACE_PERIOD does the same.

With --call, it makes one signed call for each merchant: an orderQuery for an order
that does not exist, which moves no money.

The exit code is 0 if there is no problem, 1 if there is one, and 2 if the checks
could not be run. Warnings do not count.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Flags().StringP("config", "c", "Caddyfile", "The config file, or - for standard input")
			cmd.Flags().StringP("adapter", "a", "", "The config adapter (default: caddyfile; none for files whose name ends in .json)")
			cmd.Flags().Bool("offline", false, "Use no network")
			cmd.Flags().Bool("call", false, "Make a signed call that changes nothing")
			cmd.Flags().String("termination-grace-period", "", "How long the sidecar may run after SIGTERM, such as 60s; default: $"+terminationVariable)
			cmd.Flags().Bool("json", false, "Print an array of {check, subject, result, message, next}")
			cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(flags caddycmd.Flags) (int, error) {
				code, err := run(flags, describe)
				if code == exitCouldNotRun {
					cmd.SilenceErrors = true // explain prints it
					explain(err, flags.Bool("json"))
					return code, nil
				}
				return code, err
			})

			argument := errors.New("unexpected argument: this command takes flags only; name the config with --config")
			commandline.TakeFlagsOnly(cmd, argument, func(err error, asJSON bool) error {
				cmd.SilenceErrors = true // as above
				explain(err, asJSON)
				return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitCouldNotRun, nil })(cmd, nil)
			})
		},
	}
}

// run examines the config that the flags name, and prints the report.
func run(flags caddycmd.Flags, describe Describe) (int, error) {
	options := doctor.Options{Offline: flags.Bool("offline"), Call: flags.Bool("call")}
	if options.Offline && options.Call {
		return exitCouldNotRun, errors.New("--offline and --call cannot be combined: a call needs the network")
	}
	config, err := readConfig(flags.String("config"), flags.String("adapter"))
	if err != nil {
		return exitCouldNotRun, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt kills the process
	granted, err := termination(flags.String("termination-grace-period"), os.Getenv)
	if err != nil {
		return exitCouldNotRun, err
	}
	report, err := Examine(ctx, config, describe, Options{Options: options, Termination: granted})
	if err != nil {
		return exitCouldNotRun, err
	}
	if ctx.Err() != nil {
		return exitCouldNotRun, errors.New("interrupted")
	}
	if err := printReport(os.Stdout, report, flags.Bool("json")); err != nil {
		return exitCouldNotRun, fmt.Errorf("printing the report: %w", err)
	}
	if report.Count(doctor.Problem) > 0 {
		return exitProblems, errors.New(report.Summary()) // never shown, because the log is silent by now
	}
	return caddy.ExitCodeSuccess, nil
}

// explain says why there is no report: on standard output in the form of a report if
// asJSON is set, or else on standard error.
func explain(err error, asJSON bool) {
	if asJSON {
		_ = printReport(os.Stdout, doctor.Report{found("payermax-doctor", "doctor", doctor.Problem, err.Error(), "see caddy payermax-doctor --help")}, true)
		return
	}
	_, _ = fmt.Fprintf(os.Stderr, "caddy payermax-doctor: %v\nSee caddy payermax-doctor --help.\n", err)
}

// Options say what to check, and what cannot be known from the config.
type Options struct {
	doctor.Options
	// Termination is the time from SIGTERM until the sidecar is killed: a pod's
	// terminationGracePeriodSeconds, less the duration of a preStop hook. 0 means unknown.
	Termination time.Duration
}

// Examine returns the report on a config, or an error that says why there is none. It
// silences Caddy's log permanently.
func Examine(ctx context.Context, config Config, describe Describe, options Options) (doctor.Report, error) {
	trial, err := newTrial(ctx, options.Offline)
	if err != nil {
		return nil, err
	}
	trial.termination = options.Termination
	defer trial.end()

	tree, err := config.adapt()
	if err != nil {
		return doctor.Report{found(config.Name, "config", doctor.Problem, doctor.Discreet(err.Error()), nextAfter(err))}, nil
	}
	setup, report := trial.setup(config.Name, tree, describe)
	if config.NeedsAdapter {
		report = append(report, found(config.Name, "config", doctor.Warning, "caddy run reads a file with this name as JSON, so it does not start",
			"start it with --adapter caddyfile, or rename the file so that its name begins with Caddyfile or ends in .caddyfile"))
	}
	setup.HasProblems = report.Count(doctor.Problem) > 0
	setup.ProxyVariables = proxyVariables(os.Getenv)
	return append(report, doctor.Examine(ctx, setup, options.Options)...), nil
}

// nextAfter says what to do about a config that cannot be adapted.
func nextAfter(err error) string {
	if strings.Contains(err.Error(), "must use the same scheme") { // Caddy's wording
		return "name upstreams that all begin with https://; or, on this machine, that all begin with http://"
	}
	return "correct the config; caddy adapt shows the same"
}

// printReport prints a report as text, or as JSON.
func printReport(out *os.File, report doctor.Report, asJSON bool) error {
	if asJSON {
		return report.WriteJSON(out)
	}
	return report.WriteText(out, commandline.WantsColours(out))
}

// proxyVariables returns the names of the environment variables that are set and name a
// forward proxy.
func proxyVariables(getenv func(string) string) []string {
	var set []string
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		for _, name := range []string{name, strings.ToLower(name)} {
			if getenv(name) != "" {
				set = append(set, name)
			}
		}
	}
	return slices.Compact(set)
}

// found is a result of this package's own.
func found(subject, check string, outcome doctor.Outcome, message, next string) doctor.Result {
	return doctor.Result{Subject: subject, Check: check, Outcome: outcome, Message: message, Next: next}
}
