package main

import (
	"cmp"
	"fmt"
	"slices"
)

// goal is a performance goal of the sidecar, and whether this run met it.
type goal struct {
	Name        string
	Found, Most float64 // in Unit
	Unit        string
	Met         bool
}

// judge compares the medians with the goals.
func (r *results) judge() {
	const micro, milli, mega = 1e6, 1e3, 1e-6
	// The cost of a signature is taken from the sidecar itself, under the same load.
	own, _ := r.middle(32, targetPlain, targetVerifying, func(plain, ours sample) (found, most float64) {
		return ours.CPU - ours.Sign - ours.Verify - plain.CPU, 35 / micro
	})
	cpu, mostCPU := r.middle(32, targetPlain, targetVerifying, func(plain, ours sample) (found, most float64) {
		return ours.CPU, 1.1 * (plain.CPU + ours.Sign + ours.Verify)
	})
	p50, mostP50 := r.middle(1, targetPlain, targetVerifying, func(plain, ours sample) (found, most float64) {
		return ours.P50, plain.P50 + 1.15*ours.Sign
	})
	plain32, ours32 := r.median(targetPlain, 32), r.median(targetVerifying, 32)
	r.Goals = []goal{
		{Name: "own CPU per request at 32 connections, without plain Caddy and cryptography", Unit: "µs",
			Found: own * micro, Most: 35},
		{Name: "CPU per request at 32 connections: plain Caddy + signature + verification + 10 %", Unit: "µs",
			Found: cpu * micro, Most: mostCPU * micro},
		{Name: "p50 at one connection: plain Caddy's + 1.15 signatures", Unit: "µs",
			Found: p50 * micro, Most: mostP50 * micro},
		{Name: "resident memory at 32 connections: plain Caddy's + 10 MB", Unit: "MB",
			Found: ours32.Resident * mega, Most: plain32.Resident*mega + 10},
		{Name: "rise of the peak memory after one 64 MiB POST", Unit: "MB",
			Found: float64(r.target(targetVerifying).LargePostBytes) * mega, Most: 2},
		{Name: fmt.Sprintf("p99 of accepted calls at %d times the capacity", overloadFactor), Unit: "ms",
			Found: r.Overload.AcceptedP99 * milli, Most: 50},
		{Name: "unanswered health probes during that overload", Found: float64(r.Overload.HealthUnanswered), Most: 0},
	}
	const shareOfCPU = "CPU per request, as a share of nginx + Lua + OpenSSL"
	cpuOf := func(nginx, ours sample) float64 { return ours.CPU / nginx.CPU }
	r.Goals = append(r.Goals, r.besideNginx(targetOpenSSL, shareOfCPU, 1.45, cpuOf)...)
	r.Goals = append(r.Goals, r.besideNginx(targetBatch, shareOfCPU, 0.95, cpuOf)...)
	r.Goals = append(r.Goals, r.besideNginx(targetBatch, "requests per second of nginx + Lua + OpenSSL, as a share of its own", 1,
		func(nginx, ours sample) float64 { return nginx.RequestsPerSecond / ours.RequestsPerSecond })...)
	for i := range r.Goals {
		g := &r.Goals[i]
		g.Met = g.Found <= g.Most
	}
}

// besideNginx returns the goals relative to nginx with Lua and OpenSSL, at 32 connections, in plain
// and over TLS, as far as both took part.
func (r *results) besideNginx(name, what string, most float64, compare func(nginx, ours sample) float64) []goal {
	var goals []goal
	for _, ours := range []string{name, name + overTLS} {
		nginx := beside(targetNginx, ours)
		if r.median(ours, 32) == nil || r.median(nginx, 32) == nil {
			continue
		}
		found, _ := r.middle(32, nginx, ours, func(nginx, ours sample) (float64, float64) { return compare(nginx, ours), most })
		goals = append(goals, goal{Name: ours + ": " + what, Found: found, Most: most})
	}
	return goals
}

// middle returns what was found, and its limit, in the median round: rounds are sorted by the ratio
// of the two. Values from different rounds are never compared, because the machine is not in the
// same state in all of them.
func (r *results) middle(connections int, beside, ours string, judge func(beside, ours sample) (found, most float64)) (found, most float64) {
	type round struct{ found, most float64 }
	var rounds []round
	others := r.rounds(beside, connections)
	for i, s := range r.rounds(ours, connections) {
		found, most := judge(others[i], s)
		rounds = append(rounds, round{found, most})
	}
	slices.SortFunc(rounds, func(a, b round) int { return cmp.Compare(a.found/a.most, b.found/b.most) })
	middle := rounds[len(rounds)/2]
	return middle.found, middle.most
}
