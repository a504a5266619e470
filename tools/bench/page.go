package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// blocks are the parts of the page that a run writes. Each stands between two comments:
//
//	<!-- bench: name -->
//	<!-- bench: end -->
var blocks = []struct {
	name  string
	write func(r *results, w io.Writer)
}{
	{"answer", (*results).answer},
	{"machine", (*results).machine},
	{"loads", (*results).loads},
	{"goals", (*results).goals},
	{"overload", (*results).overload},
	{"cryptography", (*results).cryptography},
	{"profile", (*results).profile},
	{"binaries", (*results).binaries},
}

const endOfBlock = "<!-- bench: end -->"

// print writes all blocks.
func (r *results) print(w io.Writer) {
	for _, b := range blocks {
		b.write(r, w)
		fmt.Fprintln(w)
	}
}

// publish writes the blocks into the page, and the chart beside it.
func (r *results) publish(root string) error {
	path := filepath.Join(root, pageFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := r.fill(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", pageFile, err)
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, chartFile), []byte(r.chart()), 0o644)
}

// fill returns the page with the blocks rewritten.
func (r *results) fill(page string) (string, error) {
	for _, b := range blocks {
		begin := "<!-- bench: " + b.name + " -->\n"
		before, rest, ok := strings.Cut(page, begin)
		_, after, ends := strings.Cut(rest, endOfBlock)
		if !ok || !ends {
			return "", fmt.Errorf("there is no %s with an end", strings.TrimSpace(begin))
		}
		var block strings.Builder
		b.write(r, &block)
		page = before + begin + block.String() + endOfBlock + after
	}
	return page, nil
}

// answer writes the beginning of the page: what a call costs, compared with what one could build by
// hand. The numbers are over TLS, as in production.
func (r *results) answer(w io.Writer) {
	nginx := r.median(targetNginx+overTLS, 32)
	var said []string
	for _, c := range []struct{ name, words string }{
		{targetBatch, "with `engine batch`"}, {targetOpenSSL, "with `key openssl`"}, {targetVerifying, "with Go's own RSA, the default"},
	} {
		ours := r.median(c.name+overTLS, 32)
		switch {
		case ours == nil:
		case nginx == nil:
			said = append(said, fmt.Sprintf("%s µs %s", micro(ours.CPU), c.words))
		default:
			said = append(said, fmt.Sprintf("%.2f times as much %s", median(r.shareOfNginx(c.name+overTLS, 32)), c.words))
		}
	}
	if nginx == nil {
		fmt.Fprintf(w, "A call uses this much CPU time:\n%s.\n", enumeration(said))
		return
	}
	fmt.Fprintf(w, "nginx with a Lua script and OpenSSL uses %s µs of CPU time for a call. The sidecar uses\n%s.\n", micro(nginx.CPU), enumeration(said))
}

// enumeration writes a list, one item a line.
func enumeration(list []string) string {
	last := len(list) - 1
	if last == 0 {
		return list[0]
	}
	return strings.Join(list[:last], ",\n") + ",\nand " + list[last]
}

// machine writes what was measured, where and how often.
func (r *results) machine(w io.Writer) {
	fmt.Fprintf(w, "> [!IMPORTANT]\n> These numbers are from %s, on a machine with %d CPUs (%s), with %s", r.Date, r.CPUs, r.CPU, strings.Replace(r.Go, "go", "Go ", 1))
	for _, other := range []struct{ name, version string }{{"OpenSSL", r.OpenSSL}, {"nginx", r.Nginx}} {
		if other.version != "" {
			fmt.Fprintf(w, ", %s %s", other.name, other.version)
		}
	}
	fmt.Fprintf(w, ".\n> The load average was %s at the start. Compare the numbers with each other, not with numbers from another day.\n"+
		"> Each is the median of %s, with the smallest and the largest in brackets.\n", r.LoadAvg, plural(len(r.rounds(targetVerifying, 32)), "round"))
	for _, left := range r.Skipped {
		fmt.Fprintf(w, ">\n> Not measured: %s.\n", left)
	}
}

// loads writes the tables of all targets, one for each number of connections.
func (r *results) loads(w io.Writer) {
	for i, count := range allConnections {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "| %s | req/s | CPU, µs | share of nginx | above plain Caddy, µs | p50, µs | p99, µs | resident, MB |\n", plural(count, "connection"))
		fmt.Fprintln(w, "| --- | --: | --: | --: | --: | --: | --: | --: |")
		for _, t := range r.Targets {
			m := r.median(t.Name, count)
			share := "" // if nginx is missing
			if of := r.shareOfNginx(t.Name, count); len(of) > 0 {
				share = spread("%.2f", of)
			}
			less := r.pairs(count, beside(targetPlain, t.Name), t.Name, func(plain, ours sample) float64 { return (ours.CPU - plain.CPU) * 1e6 })
			fmt.Fprintf(w, "| %s | %.0f | %s | %s | %.0f | %s | %s | %s |\n", t.Name, m.RequestsPerSecond,
				spread("%.0f", r.each(t.Name, count, func(s sample) float64 { return s.CPU * 1e6 })), share, median(less), micro(m.P50), micro(m.P99), mega(m.Resident))
		}
	}
}

// shareOfNginx returns the CPU time of a request, divided by nginx's, round by round.
func (r *results) shareOfNginx(name string, connections int) []float64 {
	return r.pairs(connections, beside(targetNginx, name), name, func(nginx, ours sample) float64 { return ours.CPU / nginx.CPU })
}

// each returns a value of each round.
func (r *results) each(name string, connections int, value func(sample) float64) []float64 {
	var values []float64
	for _, s := range r.rounds(name, connections) {
		values = append(values, value(s))
	}
	return values
}

// goals writes which goals were met and which were not.
func (r *results) goals(w io.Writer) {
	fmt.Fprintln(w, "| goal | result | limit | |\n| --- | --: | --: | --- |")
	for _, g := range r.Goals {
		verdict := "met"
		if !g.Met {
			verdict = "**missed**"
			if g.Most > 0 {
				verdict += fmt.Sprintf(", by %.0f %%", (g.Found/g.Most-1)*100)
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", g.Name, quantity(g.Found, g.Unit), quantity(g.Most, g.Unit), verdict)
	}
}

// quantity writes a number with its unit; one without a unit is a share or a count.
func quantity(value float64, unit string) string {
	switch unit {
	case "":
		return fmt.Sprintf("%.2f", value)
	case "µs":
		return fmt.Sprintf("%.0f µs", value)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// overload writes how the calls of an overload ended.
func (r *results) overload(w io.Writer) {
	o := r.Overload
	fmt.Fprintln(w, "| sent/s | accepted/s | refused/s | not answered | accepted, p50 and p99, ms | refused, p99, ms | health, p99, ms |")
	fmt.Fprintln(w, "| --: | --: | --: | --: | --: | --: | --: |")
	fmt.Fprintf(w, "| %.0f | %.0f, %.0f %% of the capacity | %.0f | %d | %s, %s | %s | %s |\n", o.Offered, o.Accepted, o.CapacityShare*100,
		o.Refused, o.Broken, milli(o.AcceptedP50), milli(o.AcceptedP99), milli(o.RefusedP99), milli(o.HealthP99))
}

// cryptography writes how long a signature and a verification take.
func (r *results) cryptography(w io.Writer) {
	fmt.Fprintln(w, "| | sign, µs | verify, µs |\n| --- | --: | --: |")
	row := func(name string, sign, verify []float64) {
		if len(sign) > 0 {
			fmt.Fprintf(w, "| %s | %s | %s |\n", name, spread("%.0f", micros(sign)), spread("%.0f", micros(verify)))
		}
	}
	for _, count := range allConnections {
		row("in the sidecar, at "+plural(count, "connection"),
			r.each(targetVerifying, count, func(s sample) float64 { return s.Sign }), r.each(targetVerifying, count, func(s sample) float64 { return s.Verify }))
	}
	c := r.Cryptography
	row("Go `crypto/rsa` in a loop, one CPU", c.GoSign, c.GoVerify)
	row("Go `crypto/rsa` in a loop, all CPUs at once", c.BusySign, c.BusyVerify)
	row("OpenSSL (`openssl speed rsa2048`)", c.OpenSSLSign, c.OpenSSLVerify)
}

// profile writes how the CPU time of a request is spent.
func (r *results) profile(w io.Writer) {
	var shown []*measured
	for _, t := range r.Targets {
		if t.Profile != nil {
			shown = append(shown, t)
		}
	}
	head, line := "| part, µs |", "| --- |"
	for _, t := range shown {
		head, line = head+" "+strings.TrimSuffix(t.Name, overTLS)+" |", line+" --: |"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, line)
	row := func(name string, value func(t *measured) float64) {
		fmt.Fprintf(w, "| %s |", name)
		for _, t := range shown {
			text := ""
			if v := value(t); v >= .5/1e6 {
				text = micro(v)
			}
			fmt.Fprintf(w, " %s |", text)
		}
		fmt.Fprintln(w)
	}
	for i, part := range parts {
		row(part.name, func(t *measured) float64 { return t.Profile[i] })
	}
	row("total", func(t *measured) (sum float64) {
		for _, part := range t.Profile {
			sum += part
		}
		return sum
	})
}

// binaries writes what the binaries need before they have any load.
func (r *results) binaries(w io.Writer) {
	fmt.Fprintln(w, "| | size, MB | start, ms | idle, MB | private part, MB |\n| --- | --: | --: | --: | --: |")
	for _, name := range []string{stockCaddy, sidecar, sidecarOpenSSL} {
		if b := r.Binaries[name]; b != nil {
			fmt.Fprintf(w, "| %s | %s | %.0f | %s | %s |\n", name, mega(float64(b.Bytes)), b.StartMilliseconds, mega(float64(b.IdleBytes)), mega(float64(b.IdlePrivateBytes)))
		}
	}
}

// spread writes the median and, if there are several values, the minimum and the maximum.
func spread(format string, values []float64) string {
	text := fmt.Sprintf(format, median(values))
	if len(values) > 1 {
		text += fmt.Sprintf(" ("+format+" to "+format+")", slices.Min(values), slices.Max(values))
	}
	return text
}

func plural(count int, noun string) string {
	if count == 1 {
		return fmt.Sprint(count, " ", noun)
	}
	return fmt.Sprint(count, " ", noun, "s")
}

func micros(seconds []float64) []float64 {
	var all []float64
	for _, s := range seconds {
		all = append(all, s*1e6)
	}
	return all
}

func micro(seconds float64) string { return fmt.Sprintf("%.0f", seconds*1e6) }
func milli(seconds float64) string { return fmt.Sprintf("%.1f", seconds*1e3) }
func mega(bytes float64) string    { return fmt.Sprintf("%.1f", bytes/1e6) }
