package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// print writes the results as tables.
func (r *results) print(to io.Writer) {
	fmt.Fprintf(to, "%s, %d CPUs of %s, %s, load average at the start %s\n", r.Date, r.CPUs, r.CPU, r.Go, r.LoadAvg)
	for _, left := range r.Skipped {
		fmt.Fprintln(to, "SKIPPED:", left)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer w.Flush()

	row := func(cells ...any) {
		for _, cell := range cells {
			fmt.Fprintf(w, "%v\t", cell)
		}
		fmt.Fprintln(w)
	}
	row("\nbinary", "MB", "start ms", "idle MB", "of it private MB")
	for _, name := range []string{stockCaddy, sidecar, sidecarOpenSSL} {
		b := r.Binaries[name]
		if b == nil {
			continue
		}
		row(name, mega(float64(b.Bytes)), fmt.Sprintf("%.0f", b.StartMilliseconds), mega(float64(b.IdleBytes)), mega(float64(b.IdlePrivateBytes)))
	}
	row("\nRSA 2048", "sign us", "verify us")
	for _, count := range connections {
		l := r.median(targetVerifying, count)
		row(fmt.Sprintf("in the sidecar, %d connections", count), micro(l.Sign), micro(l.Verify))
	}
	row("Go crypto/rsa, all CPUs at once", micro(r.Cryptography.BusySign), micro(r.Cryptography.BusyVerify))
	row("Go crypto/rsa, one CPU", micro(r.Cryptography.GoSign), micro(r.Cryptography.GoVerify))
	if r.Cryptography.OpenSSLSign > 0 {
		row("OpenSSL, one CPU", micro(r.Cryptography.OpenSSLSign), micro(r.Cryptography.OpenSSLVerify))
	}
	for _, count := range connections {
		row(fmt.Sprintf("\n%d connections", count), "req/s", "CPU us/req (spread)", "of nginx (spread)", "less plain us", "p50 us", "p99 us", "resident MB")
		for _, t := range r.Targets {
			l := r.median(t.Name, count)
			plain := r.median(beside(targetPlain, t.Name), count)
			row(t.Name, fmt.Sprintf("%.0f", l.RequestsPerSecond), r.spreadOfCPU(t.Name, count), r.shareOfNginx(t.Name, count),
				micro(l.CPU-plain.CPU), micro(l.P50), micro(l.P99), mega(l.Resident))
		}
	}
	o := r.Overload
	row("\noverload", "offered/s", "accepted/s", "refused/s", "broken", "of capacity", "its CPUs", "us/refusal", "p50 ms", "p99 ms", "refused p99 ms", "health p99 ms")
	row(targetVerifying, fmt.Sprintf("%.0f", o.Offered), fmt.Sprintf("%.0f", o.Accepted), fmt.Sprintf("%.0f", o.Refused), o.Broken,
		fmt.Sprintf("%.0f %%", o.CapacityShare*100), fmt.Sprintf("%.2f", o.CPUs), micro(o.RefusalCPU),
		milli(o.AcceptedP50), milli(o.AcceptedP99), milli(o.RefusedP99), milli(o.HealthP99))
	row("\ngoal", "found", "limit", "")
	for _, g := range r.Goals {
		verdict := "met"
		if !g.Met {
			verdict = "MISSED"
		}
		row(g.Name, fmt.Sprintf("%.2f %s", g.Found, g.Unit), fmt.Sprintf("%.2f %s", g.Most, g.Unit), verdict)
	}
}

func micro(seconds float64) string { return fmt.Sprintf("%.0f", seconds*1e6) }
func milli(seconds float64) string { return fmt.Sprintf("%.1f", seconds*1e3) }
func mega(bytes float64) string    { return fmt.Sprintf("%.1f", bytes/1e6) }

// spreadOfCPU is what a request takes, the least and the most of the rounds.
func (r *results) spreadOfCPU(name string, connections int) string {
	var rounds []float64
	for _, s := range r.target(name).samples[connections] {
		rounds = append(rounds, s.cpu)
	}
	return fmt.Sprintf("%s (%s to %s)", micro(median(rounds)), micro(slices.Min(rounds)), micro(slices.Max(rounds)))
}

// shareOfNginx is what a request takes of what it takes nginx in the same round.
func (r *results) shareOfNginx(name string, connections int) string {
	var rounds []float64
	nginx := r.target(beside(targetNginx, name)).samples[connections]
	for i, s := range r.target(name).samples[connections][:min(len(nginx), len(r.target(name).samples[connections]))] {
		rounds = append(rounds, s.cpu/nginx[i].cpu)
	}
	if len(rounds) == 0 {
		return "-"
	}
	return fmt.Sprintf("x %.2f (%.2f to %.2f)", median(rounds), slices.Min(rounds), slices.Max(rounds))
}
