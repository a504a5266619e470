// Command mutate changes a package in small ways and checks whether tests notice:
//
//	mutate -dir ../.. -judges . internal/reply
//
// The package is named by its directory relative to -dir, the root of its Go module. The mutants
// are judged by the package's own tests and by the tests of the packages that -judges names.
// Mutants that no test notices are printed as they are found, and the counts at the end:
//
//		LIVED internal/reply/answer.go:41:17 < made <=	if n < limit {
//	internal/reply: Killed: 90 Lived: 1 Not covered: 2 Timed out: 0
//
// # Why not gremlins
//
// For each mutant, gremlins, go-mutesting and ooze change a file, build, and run all tests. That is
// too slow for the tests of the root package, which cover most decisions of the smaller packages
// and take minutes; gremlins therefore runs only the tests of the same package. It also skips the
// conditions of case, because Go's coverage does not count them, and it cannot leave out a
// statement.
//
// Here, all mutants of a package are compiled into one test binary, and an environment variable
// selects the active one. Each test first runs once by itself, to record the mutants that it
// reaches and the time it takes. A mutant is then tried only with the tests that reach it, the
// cheapest first, until one fails.
//
// # What the numbers mean
//
// A mutant is killed if a test fails. It has timed out if the tests take longer than ten times
// their time without a mutant plus -patience. It is not covered if no test reaches it. Tests that
// fail by themselves or take longer than -slowest do not judge; the command prints which. A flaky
// test kills mutants that it should not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(progress)
	dir := flags.String("dir", ".", "the folder of the Go module")
	judges := flags.String("judges", "", "folders of further packages whose tests judge, separated by commas")
	slowest := flags.Duration("slowest", time.Minute, "tests that take longer do not judge")
	patience := flags.Duration("patience", 20*time.Second, "how long the tests may take with a mutant, beside ten times as long as without it")
	workers := flags.Int("workers", 1, "how many mutants to try at a time; more than there are CPUs where tests wait for time to pass")
	only := flags.String("only", "", "a regular expression: of the mutants, only those that it matches as they are printed")
	list := flags.Bool("list", false, "print the mutants, and try none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only must be a regular expression: %w", err)
	}
	if flags.NArg() != 1 {
		return errors.New("name one package by its folder, such as: mutate -dir ../.. internal/reply")
	}
	folder := filepath.Clean(flags.Arg(0))

	work, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	mutated, err := mutate(ctx, *dir, folder, work)
	if err != nil {
		return fmt.Errorf("changing %s: %w", folder, err)
	}
	var mutants []mutant
	for _, m := range mutated.mutants {
		if wanted.MatchString(m.String()) {
			mutants = append(mutants, m)
		}
	}
	if *list {
		for _, m := range mutants {
			fmt.Fprintln(out, m)
		}
		return nil
	}
	court := court{dir: *dir, work: work, overlay: mutated.overlay, slowest: *slowest, patience: *patience, progress: progress}
	for _, of := range append([]string{folder}, strings.FieldsFunc(*judges, func(r rune) bool { return r == ',' })...) {
		if of = filepath.Clean(of); len(court.judges) > 0 && of == folder {
			continue
		}
		if err := court.appoint(ctx, of); err != nil {
			return fmt.Errorf("the tests of %s: %w", of, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // stops the remaining attempts if one fails
	counts := make(map[verdict]int)
	for i, tried := range court.tryAll(ctx, mutants, *workers) {
		m, said, err := mutants[i], tried.said, tried.err
		if err != nil {
			return fmt.Errorf("trying %s: %w", m, err)
		}
		counts[said]++
		if said != killed {
			fmt.Fprintf(out, "\t%s %s\n", strings.ToUpper(string(said)), m)
		}
		if (i+1)%100 == 0 {
			fmt.Fprintf(progress, "%s: %d of %d mutants tried\n", folder, i+1, len(mutants))
		}
	}
	fmt.Fprintf(out, "%s: Killed: %d Lived: %d Not covered: %d Timed out: %d\n",
		folder, counts[killed], counts[lived], counts[notCovered], counts[timedOut])
	return nil
}
