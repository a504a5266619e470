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

// results holds everything that was found, in the form of results.json. Times are in seconds and
// sizes in bytes, unless a name says otherwise.
type results struct {
	Date     string
	CPU      string // its model
	CPUs     int
	Go       string
	OpenSSL  string `json:",omitempty"` // version
	Nginx    string `json:",omitempty"` // version
	LoadAvg  string // of the machine, when the run began
	Binaries map[string]*binary
	// Cryptography holds, for each round, the time of one signature and one verification with a
	// 2048-bit key, in a loop. The Busy fields are measured on all CPUs at once.
	Cryptography struct{ GoSign, GoVerify, BusySign, BusyVerify, OpenSSLSign, OpenSSLVerify []float64 }
	Targets      []*measured
	Overload     *overload
	Goals        []goal
	Skipped      []string `json:",omitempty"`
}

// binary is what a binary needs before it has any load.
type binary struct {
	Bytes             int64
	StartMilliseconds float64 // from its start to its first good answer
	IdleBytes         int64   // resident
	IdlePrivateBytes  int64   // of IdleBytes, those not backed by a file
}

// measured holds the results of one target.
type measured struct {
	Name           string
	Loads          []*loaded
	LargePostBytes int64 `json:",omitempty"` // by how much one large body raises the peak memory
	// Profile is how a request's CPU time is spent at 32 connections, in the order of parts, if it
	// was profiled.
	Profile []float64 `json:",omitempty"`
}

// loaded holds the results of a target under one load.
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

// version returns the version that a program reports, or "" if the program is missing.
func version(program, ask string) string {
	said, err := exec.Command(program, ask).CombinedOutput()
	if err != nil {
		return ""
	}
	return regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(string(said))
}

// skip records the reason for leaving something out, once.
func (r *results) skip(reason error) {
	if !slices.Contains(r.Skipped, reason.Error()) {
		r.Skipped = append(r.Skipped, reason.Error())
	}
}

// target returns the results of a target, which are empty if it was left out.
func (r *results) target(name string) *measured {
	for _, t := range r.Targets {
		if t.Name == name {
			return t
		}
	}
	return new(measured)
}

// add records a measurement.
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

// under returns the results under one load, which are empty if the target was left out.
func (t *measured) under(connections int) *loaded {
	for _, l := range t.Loads {
		if l.Connections == connections {
			return l
		}
	}
	return new(loaded)
}

// rounds returns the results of a target under one load, for each round.
func (r *results) rounds(name string, connections int) []sample {
	return r.target(name).under(connections).Rounds
}

// median returns the medians of a target's rounds, or nil if the target was left out.
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

// pairs returns one value per round, computed from two targets in the same round, because the
// machine is not in the same state in all rounds. It returns no values if one of the targets was
// left out.
func (r *results) pairs(connections int, beside, ours string, value func(beside, ours sample) float64) []float64 {
	others, own := r.rounds(beside, connections), r.rounds(ours, connections)
	var values []float64
	for i := range min(len(others), len(own)) {
		values = append(values, value(others[i], own[i]))
	}
	return values
}

// save writes the results as JSON.
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
