// Command bench compares the sidecar with its alternatives, on one machine in one run: plain Caddy,
// which signs nothing; the sidecar, which signs by Go, by OpenSSL or in batches; and nginx with a
// Lua script that signs by OpenSSL. All of them proxy to the same static upstream, in plain and
// over TLS, and get the same load from wrk, in turn, for several rounds; the report shows the
// medians of the rounds. Their logs go to a pipe, like a container's.
//
//	cd tools/bench && go run .          # ten minutes
//	cd tools/bench && go run . -quick   # five minutes, one short round
//
// It prints its tables, and writes results.json in this directory, the tables and the first
// sentences of docs/performance.md, and the chart docs/performance.svg. It needs wrk. nginx
// (Debian's nginx-light, libnginx-mod-http-lua and lua-cjson), the build with OpenSSL (gcc and
// libssl-dev) and openssl are left out if they are missing, and the output says so. Everything
// listens on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// plan says how long each measurement takes.
type plan struct {
	rounds   int
	load     time.Duration // of each target at each number of connections, in each round
	profile  time.Duration
	overload time.Duration
	starts   int
	timeout  time.Duration // for the whole run, including the builds
}

var (
	fullPlan  = plan{rounds: 3, load: 4 * time.Second, profile: 15 * time.Second, overload: 15 * time.Second, starts: 5, timeout: 40 * time.Minute}
	quickPlan = plan{rounds: 1, load: 2 * time.Second, profile: 3 * time.Second, overload: 4 * time.Second, starts: 1, timeout: 10 * time.Minute}
)

func main() {
	quick := flag.Bool("quick", false, "one short round, to see whether everything works; writes no files")
	page := flag.Bool("page", false, "measure nothing; write the page and the chart anew, from results.json")
	upstream := flag.String("upstream", "", "be the static upstream: the file with its signature, then that with its certificate (used by bench itself)")
	flag.Parse()
	if *upstream != "" {
		fail(serveUpstream(*upstream, flag.Arg(0)))
		return
	}
	if *page {
		fail(publishAgain())
		return
	}
	chosen := fullPlan
	if *quick {
		chosen = quickPlan
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, chosen.timeout)
	defer cancel()
	fail(run(ctx, chosen, *quick))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run does one benchmark from start to end.
func run(ctx context.Context, p plan, quick bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "payermax-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	found := newResults()
	material, err := newMaterial(dir)
	if err != nil {
		return err
	}
	if err := buildBinaries(ctx, root, dir, found); err != nil {
		return err
	}
	upstream, err := startUpstream(ctx, material)
	if err != nil {
		return err
	}
	defer upstream.stop()

	targets, err := startTargets(ctx, material, upstream, found, p.starts)
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	if err != nil {
		return err
	}
	if err := measureRounds(ctx, p, targets, material, found); err != nil {
		return err
	}
	if err := measureProfiles(ctx, p, targets, material, found); err != nil {
		return err
	}
	if err := measureLargePosts(ctx, targets, found); err != nil {
		return err
	}
	if err := measureOverload(ctx, p, upstream, material, found); err != nil {
		return err
	}
	found.judge()
	found.print(os.Stdout)
	if quick {
		return nil
	}
	if err := found.save(filepath.Join(root, resultsFile)); err != nil {
		return err
	}
	return found.publish(root)
}

// publishAgain publishes the results of the last run again, after the code that presents them has
// changed.
func publishAgain() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	found, err := readResults(filepath.Join(root, resultsFile))
	if err != nil {
		return err
	}
	found.judge()
	return errors.Join(found.save(filepath.Join(root, resultsFile)), found.publish(root))
}

// The files of the repository that a run writes.
const (
	resultsFile = "tools/bench/results.json"
	pageFile    = "docs/performance.md"
	chartFile   = "docs/performance.svg"
)

// moduleRoot returns the directory of the sidecar's module, which is the current directory or two
// levels above it.
func moduleRoot() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for _, dir := range []string{here, filepath.Join(here, "..", "..")} {
		if _, err := os.Stat(filepath.Join(dir, "caddy", "main.go")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("run it in the repository or in tools/bench, not in %s", here)
}
