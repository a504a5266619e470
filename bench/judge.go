package main

import "fmt"

// goal is something that the sidecar promises, and whether this run kept it.
type goal struct {
	Name        string
	Found, Most float64 // in Unit
	Unit        string
	Met         bool
}

// judge takes the medians and holds them against the goals.
func (r *results) judge() {
	c := r.cryptography
	r.Cryptography.GoSign, r.Cryptography.GoVerify = median(c.goSign), median(c.goVerify)
	r.Cryptography.BusySign, r.Cryptography.BusyVerify = median(c.busySign), median(c.busyVerify)
	r.Cryptography.OpenSSLSign, r.Cryptography.OpenSSLVerify = median(c.opensslSign), median(c.opensslVerify)
	for _, t := range r.Targets {
		for _, count := range connections {
			t.Loads = append(t.Loads, r.median(t.Name, count))
		}
	}

	const micro, milli, mega = 1e6, 1e3, 1e-6
	plain1, plain32 := r.median(targetPlain, 1), r.median(targetPlain, 32)
	ours1, ours32 := r.median(targetVerifying, 1), r.median(targetVerifying, 32)
	// A signature is what it takes where it is made: in the sidecar, under that load.
	r.Goals = []goal{
		{Name: "CPU per request at 32 connections: plain Caddy + signature + verification + 10 %", Unit: "us",
			Found: ours32.CPU * micro, Most: 1.1 * (plain32.CPU + ours32.Sign + ours32.Verify) * micro},
		{Name: "p50 at one connection: plain Caddy's + 1.15 signatures", Unit: "us",
			Found: ours1.P50 * micro, Most: (plain1.P50 + 1.15*ours1.Sign) * micro},
		{Name: "resident memory at 32 connections: plain Caddy's + 10 MB", Unit: "MB",
			Found: ours32.Resident * mega, Most: plain32.Resident*mega + 10},
		{Name: "one 64 MiB POST raises the peak memory", Unit: "MB",
			Found: float64(r.target(targetVerifying).LargePostBytes) * mega, Most: 2},
		{Name: fmt.Sprintf("p99 of accepted calls at %d times the capacity", overloadFactor), Unit: "ms",
			Found: r.Overload.AcceptedP99 * milli, Most: 50},
		{Name: "unanswered health probes meanwhile", Found: float64(r.Overload.HealthUnanswered), Most: 0},
	}
	for i := range r.Goals {
		g := &r.Goals[i]
		g.Met = g.Found <= g.Most
	}
}
