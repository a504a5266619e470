package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	// maxScheduled is how many faults can wait for a call, and maxTimes how often one can strike.
	maxScheduled = 100
	maxTimes     = 1_000_000
)

// scheduledFault is a fault that waits for its calls, in the format of PUT /sandbox/faults.
type scheduledFault struct {
	Endpoint string `json:"endpoint"`
	Fault    string `json:"fault"`
	Times    int    `json:"times"`

	parsed faults
}

// faults returns the faults of a call: those in its header, or else the oldest scheduled fault for its endpoint.
func (g *Gateway) faults(r *http.Request, state *world, endpoint string) (faults, error) {
	if g.NoControl {
		return faults{}, nil
	}
	if list := strings.Join(r.Header.Values(faultHeader), ","); list != "" {
		return parseFaults(list)
	}
	return state.nextFault(endpoint), nil
}

// schedule adds a fault.
func (w *world) schedule(f scheduledFault) (err error) {
	if _, known := lookup(f.Endpoint); !known && f.Endpoint != "" {
		return fmt.Errorf("endpoint: %q is not served", shortened(f.Endpoint))
	}
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Times < 0 || f.Times > maxTimes {
		return fmt.Errorf("times: must be from 1 to %d", maxTimes)
	}
	if f.parsed, err = parseFaults(f.Fault); err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.scheduled) == maxScheduled {
		return errors.New("too many faults are pending; DELETE them first")
	}
	w.scheduled = append(w.scheduled, f)
	w.changes++
	return nil
}

// nextFault returns the oldest fault that waits for a call of an interface, and counts it as used once.
func (w *world) nextFault(endpoint string) faults {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.scheduled {
		f := &w.scheduled[i]
		if f.Endpoint != "" && f.Endpoint != endpoint {
			continue
		}
		parsed := f.parsed
		if f.Times--; f.Times == 0 {
			w.scheduled = append(w.scheduled[:i], w.scheduled[i+1:]...)
		}
		return parsed
	}
	return faults{}
}

// waitingFaults returns the faults that are still to come, oldest first.
func (w *world) waitingFaults() []scheduledFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]scheduledFault{}, w.scheduled...)
}

// clearFaults removes all faults.
func (w *world) clearFaults() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scheduled = nil
	w.changes++
}
