package main

import (
	"encoding/json"
	"os"
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
	LoadAvg  string // the machine's, when the run began
	Binaries map[string]*binary
	// Cryptography is one signature and one verification by a 2048-bit key, in a
	// loop. Busy are those on all CPUs at once.
	Cryptography struct{ GoSign, GoVerify, BusySign, BusyVerify, OpenSSLSign, OpenSSLVerify float64 }
	Targets      []*measured
	Overload     *overload
	Goals        []goal
	Skipped      []string `json:",omitempty"`

	cryptography struct{ goSign, goVerify, busySign, busyVerify, opensslSign, opensslVerify []float64 }
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
	LargePostBytes int64 // by which one large body raises the peak memory

	samples map[int][]sample // by connections
}

// loaded is a target under one load, the medians of the rounds.
type loaded struct {
	Connections       int
	RequestsPerSecond float64
	CPU               float64 // of the process tree, for each request
	P50, P99          float64
	Resident          float64 // of the process tree, the most that was seen
	Sign, Verify      float64 `json:",omitempty"` // of CPU
}

func newResults() *results {
	r := &results{
		Date: time.Now().UTC().Format(time.DateOnly), CPUs: runtime.NumCPU(), Go: runtime.Version(),
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
		t.Name, t.samples = name, make(map[int][]sample)
		r.Targets = append(r.Targets, t)
	}
	t.samples[connections] = append(t.samples[connections], s)
}

// median returns the medians of a target's rounds, or nil if it was left out.
func (r *results) median(name string, connections int) *loaded {
	samples := r.target(name).samples[connections]
	if len(samples) == 0 {
		return nil
	}
	of := func(field func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = field(s)
		}
		return median(values)
	}
	return &loaded{
		Connections:       connections,
		RequestsPerSecond: of(func(s sample) float64 { return s.requestsPerSecond }),
		CPU:               of(func(s sample) float64 { return s.cpu }),
		P50:               of(func(s sample) float64 { return s.p50 }),
		P99:               of(func(s sample) float64 { return s.p99 }),
		Resident:          of(func(s sample) float64 { return s.resident }),
		Sign:              of(func(s sample) float64 { return s.sign }),
		Verify:            of(func(s sample) float64 { return s.verify }),
	}
}

// save writes everything as JSON.
func (r *results) save(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
