package main

import (
	"fmt"
	"io"
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
	for _, name := range []string{stockCaddy, sidecar} {
		b := r.Binaries[name]
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
		plain := r.median(targetPlain, count)
		row(fmt.Sprintf("\n%d connections", count), "req/s", "CPU us/req", "of plain", "less plain us", "p50 us", "p99 us", "resident MB")
		for _, t := range r.Targets {
			l := r.median(t.Name, count)
			row(t.Name, fmt.Sprintf("%.0f", l.RequestsPerSecond), micro(l.CPU), fmt.Sprintf("x %.2f", l.CPU/plain.CPU),
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
		row(g.Name, fmt.Sprintf("%.1f %s", g.Found, g.Unit), fmt.Sprintf("%.1f %s", g.Most, g.Unit), verdict)
	}
}

func micro(seconds float64) string { return fmt.Sprintf("%.0f", seconds*1e6) }
func milli(seconds float64) string { return fmt.Sprintf("%.1f", seconds*1e3) }
func mega(bytes float64) string    { return fmt.Sprintf("%.1f", bytes/1e6) }
