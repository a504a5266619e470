package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/pprof/profile"
)

// The parts of a request's CPU time that the goals refer to.
const (
	partSign   = "the signature"
	partAnswer = "the verification of the answer"
)

// part is a part of a request's CPU time.
type part struct {
	name  string
	where [][]string
}

// parts divide the CPU time of a Caddy. A sample belongs to the first part that matches its stack:
// for one of the part's lists, each entry must be the prefix of a function name on the stack. The
// last part takes what is left.
var parts = []part{
	{"the verification of the signature", [][]string{{"crypto/rsa.VerifyPKCS1v15", own + "/signer.Sign"}}},
	{partAnswer, [][]string{{"crypto/rsa.VerifyPKCS1v15"}}},
	{partSign, [][]string{
		{"crypto/rsa.SignPKCS1v15"}, {own + "/internal/rsabatch."}, {own + "/keys/openssl.(*key).Sign"},
	}},
	{"the garbage collector", [][]string{{"runtime.gcBgMarkWorker"}, {"runtime.gcAssistAlloc"}, {"runtime.bgsweep"}, {"runtime.bgscavenge"}}},
	{"`net/http`: the connections to the gateway", [][]string{{"net/http.(*persistConn)"}, {"net/http.(*Transport).roundTrip"}}},
	{"ours: the log line and the metrics", [][]string{{own + ".(*Handler).record"}, {own + "/modules/buffered."}}},
	{"ours: the transport", [][]string{{own + "/modules/transport."}}},
	{"`reverse_proxy`", [][]string{{"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy."}}},
	{"ours: checking the answer", [][]string{{own + ".(*Handler).check"}}},
	{"ours: reading and validating the request", [][]string{{own + ".(*Handler).read"}, {own + ".(*Handler).understand"}}},
	{"ours: the rest", [][]string{{own}}},
	{"the rest of Caddy", [][]string{{"github.com/caddyserver/caddy/v2"}}},
	{"`net/http`: reading requests, writing answers", [][]string{{"net/http.(*conn)"}, {"net/http.(*connReader)"}}},
	{"the scheduler and the rest", [][]string{nil}},
}

// own is the prefix of the names of the sidecar's functions.
const own = "github.com/caddy-payermax/caddy-payermax"

// shares holds the CPU time of each part, in the order of parts, as fractions of the whole or in
// seconds.
type shares []float64

// of returns the CPU time of one part.
func (s shares) of(name string) float64 {
	for i, part := range parts {
		if part.name == name {
			return s[i]
		}
	}
	return 0
}

// shares takes a CPU profile of the target for the duration, in whole seconds, and returns how much
// each part takes of it. Per request that can be more than the same operations take in a loop:
// between two signatures, other code evicts them from the caches, and the other processes on the
// machine compete for the CPU.
func (t *target) shares(ctx context.Context, duration time.Duration) (shares, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", t.adminPort, int(duration.Seconds()))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	p, err := profile.Parse(w.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	found, all := make(shares, len(parts)), int64(0)
	for _, s := range p.Sample {
		taken := s.Value[len(s.Value)-1] // nanoseconds
		all += taken
		found[partOf(stack(s))] += float64(taken)
	}
	if all == 0 {
		return nil, fmt.Errorf("%s: the profile is empty", url)
	}
	for i := range found {
		found[i] /= float64(all)
	}
	return found, nil
}

// stack returns the names of the functions on a sample's stack.
func stack(s *profile.Sample) []string {
	var names []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			names = append(names, line.Function.Name)
		}
	}
	return names
}

// partOf returns the index of the part that a stack belongs to.
func partOf(stack []string) int {
	return slices.IndexFunc(parts, func(p part) bool {
		return slices.ContainsFunc(p.where, func(all []string) bool { return hasAll(stack, all) })
	})
}

// hasAll reports whether each prefix matches a function on the stack.
func hasAll(stack, beginnings []string) bool {
	for _, begins := range beginnings {
		if !slices.ContainsFunc(stack, func(name string) bool { return strings.HasPrefix(name, begins) }) {
			return false
		}
	}
	return true
}

// profileUnder returns how much of a request's CPU time each part takes under a load, in seconds,
// in the order of parts. Profiling takes CPU time itself, so it is done under a separate load.
func profileUnder(ctx context.Context, t *target, script string, count int, duration time.Duration) (shares, error) {
	var (
		found  shares
		failed error
		taking sync.WaitGroup
	)
	taking.Go(func() { found, failed = t.shares(ctx, duration-time.Second) })
	s, err := load(ctx, t, script, count, duration)
	taking.Wait()
	for i := range found {
		found[i] *= s.CPU
	}
	return found, errors.Join(err, failed)
}

// measureProfiles finds out how each Caddy that reaches the gateway over TLS spends its CPU time,
// at 32 connections.
func measureProfiles(ctx context.Context, p plan, targets []*target, m *material, found *results) error {
	for _, t := range targets {
		if t.adminPort == 0 || !strings.HasSuffix(t.name, overTLS) {
			continue
		}
		profile, err := profileUnder(ctx, t, m.wrkScript, 32, p.profile)
		if err != nil {
			return err
		}
		found.target(t.name).Profile = profile
	}
	return nil
}
