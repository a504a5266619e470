package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/pprof/profile"
)

// Functions whose share of the CPU time is measured.
const (
	signFunction   = "crypto/rsa.SignPKCS1v15"
	verifyFunction = "crypto/rsa.VerifyPKCS1v15"
)

// shares are the parts of a process's CPU time that its cryptography takes.
type shares struct{ sign, verify float64 }

// shares takes a CPU profile of the target for the duration, in whole seconds, and
// returns what its cryptography takes. That can be more, for each request, than the
// same operations take in a loop: between two signatures everything else has been
// through the caches, and the other processes on the machine want their time.
func (t *target) shares(ctx context.Context, duration time.Duration) (shares, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", t.adminPort, int(duration.Seconds()))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return shares{}, err
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return shares{}, err
	}
	defer w.Body.Close()
	p, err := profile.Parse(w.Body)
	if err != nil {
		return shares{}, fmt.Errorf("%s: %w", url, err)
	}
	var all, sign, verify int64
	for _, s := range p.Sample {
		taken := s.Value[len(s.Value)-1] // nanoseconds
		all += taken
		switch {
		case passes(s, signFunction):
			sign += taken
		case passes(s, verifyFunction):
			verify += taken
		}
	}
	if sign == 0 {
		return shares{}, fmt.Errorf("%s: no sample of %s", url, signFunction)
	}
	return shares{float64(sign) / float64(all), float64(verify) / float64(all)}, nil
}

// passes reports whether the function is on the sample's stack.
func passes(s *profile.Sample, function string) bool {
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function.Name == function {
				return true
			}
		}
	}
	return false
}
