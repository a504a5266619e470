// Command proofs writes the results of the long proofs into the tables of docs/tests.md:
//
//	proofs -page docs/tests.md -table fuzzing -how "each target for 10m" -commit 1a2b3c4 <results
//
// Each line of the results is a name, a tab, and the result, which may be several cells separated
// by |. Only two things on the page change: the last cells of the rows with these names, and the
// line that says when the results were measured.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "proofs:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, now time.Time) error {
	flags := flag.NewFlagSet("proofs", flag.ContinueOnError)
	path := flags.String("page", "", "the page to be changed")
	table := flags.String("table", "", "the name of the table, as its mark says")
	how := flags.String("how", "", "how it was measured, for the line above the table")
	commit := flags.String("commit", "", "of what")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path == "" || *table == "" || *commit == "" {
		return errors.New("-page, -table and -commit are required")
	}
	found, err := readResults(in)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(*path)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("Measured on %s at commit %s: %s.", now.Format("2 January 2006"), *commit, *how)
	changed, err := write(string(page), *table, line, found)
	if err != nil {
		return fmt.Errorf("%s: %w", *path, err)
	}
	return os.WriteFile(*path, []byte(changed), 0o644)
}
