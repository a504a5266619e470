package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are all that was found, as results.json has it. Times are seconds and
// sizes bytes, unless a name says otherwise.
type results struct {
	Date     string
	CPU      string // its model
	CPUs     int
	Go       string
	OpenSSL  string `json:",omitempty"` // version
	Nginx    string `json:",omitempty"` // version
	LoadAvg  string // the machine's, when the run began
	Binaries map[string]*binary
	// Cryptography is one signature and one verification by a 2048-bit key, in a
	// loop, in each round. Busy are those on all CPUs at once.
	Cryptography struct{ GoSign, GoVerify, BusySign, BusyVerify, OpenSSLSign, OpenSSLVerify []float64 }
	Targets      []*measured
	Overload     *overload
	Goals        []goal
	Skipped      []string `json:",omitempty"`
}

// binary is what a binary takes before it has any load.
type binary struct {
	Bytes             int64
	StartMilliseconds float64 // from its start to its first good answer
	IdleBytes         int64   // resident
	IdlePrivateBytes  int64   // of these, those that are no file's
}

// measured is one target.
type measured struct {
	Name           string
	Loads          []*loaded
	LargePostBytes int64 `json:",omitempty"` // by which one large body raises the peak memory
	// Profile is where the CPU time of a request goes at 32 connections, in the order of
	// parts, if that was looked at.
	Profile []float64 `json:",omitempty"`
}

// loaded is a target under one load.
type loaded struct {
	Connections int
	Rounds      []sample
}

func newResults() *results {
	r := &results{
		Date: time.Now().UTC().Format(time.DateOnly), CPUs: runtime.NumCPU(), Go: runtime.Version(),
		OpenSSL: version("openssl", "version"), Nginx: version("nginx", "-v"),
		Binaries: make(map[string]*binary),
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				r.CPU = strings.TrimSpace(model)
			}
		}
	}
	if average, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.LoadAvg = strings.Fields(string(average))[0]
	}
	return r
}

// version returns the version that a program says it has, or "" if it is not there.
func version(program, ask string) string {
	said, err := exec.Command(program, ask).CombinedOutput()
	if err != nil {
		return ""
	}
	return regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(string(said))
}

// skip notes what is left out, once.
func (r *results) skip(reason error) {
	if !slices.Contains(r.Skipped, reason.Error()) {
		r.Skipped = append(r.Skipped, reason.Error())
	}
}

// target returns what was found of a target, which is nothing if it was left out.
func (r *results) target(name string) *measured {
	for _, t := range r.Targets {
		if t.Name == name {
			return t
		}
	}
	return new(measured)
}

// add notes a measurement.
func (r *results) add(name string, connections int, s sample) {
	t := r.target(name)
	if t.Name == "" {
		t.Name = name
		for _, count := range allConnections {
			t.Loads = append(t.Loads, &loaded{Connections: count})
		}
		r.Targets = append(r.Targets, t)
	}
	l := t.under(connections)
	l.Rounds = append(l.Rounds, s)
}

// under returns what was found under one load, which is nothing if the target was left
// out.
func (t *measured) under(connections int) *loaded {
	for _, l := range t.Loads {
		if l.Connections == connections {
			return l
		}
	}
	return new(loaded)
}

// rounds returns what was found of a target under one load, in each round.
func (r *results) rounds(name string, connections int) []sample {
	return r.target(name).under(connections).Rounds
}

// median returns the medians of a target's rounds, or nil if it was left out.
func (r *results) median(name string, connections int) *sample {
	rounds := r.rounds(name, connections)
	if len(rounds) == 0 {
		return nil
	}
	of := func(field func(sample) float64) float64 {
		values := make([]float64, len(rounds))
		for i, s := range rounds {
			values[i] = field(s)
		}
		return median(values)
	}
	return &sample{
		RequestsPerSecond: of(func(s sample) float64 { return s.RequestsPerSecond }),
		CPU:               of(func(s sample) float64 { return s.CPU }),
		P50:               of(func(s sample) float64 { return s.P50 }),
		P99:               of(func(s sample) float64 { return s.P99 }),
		Resident:          of(func(s sample) float64 { return s.Resident }),
		Sign:              of(func(s sample) float64 { return s.Sign }),
		Verify:            of(func(s sample) float64 { return s.Verify }),
	}
}

// pairs returns a value for each round, of two targets in the same round, since the
// machine is not the same in all of them. There is none if one of them was left out.
func (r *results) pairs(connections int, beside, ours string, value func(beside, ours sample) float64) []float64 {
	others, own := r.rounds(beside, connections), r.rounds(ours, connections)
	var values []float64
	for i := range min(len(others), len(own)) {
		values = append(values, value(others[i], own[i]))
	}
	return values
}

// save writes everything as JSON.
func (r *results) save(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// readResults reads what save wrote.
func readResults(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(results)
	return r, json.Unmarshal(text, r)
}
