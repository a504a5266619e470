package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// overloadFactor is the number of requests sent in an overload, as a multiple of what the
	// sidecar can sign.
	overloadFactor = 4
	// overloadWait is how long a call may wait for its signature during the overload (max_wait).
	// With the default of one second, all calls of wrk's connections would wait, so few calls would
	// be sent and none refused, which is not an overload.
	overloadWait = 10 * time.Millisecond
	// overloadPause is how long each of wrk's connections pauses between its calls, on average. By
	// default wrk sends a request only after the previous answer; with the pause, its rate hardly
	// depends on the answers.
	overloadPause = 100 * time.Millisecond
	// overloadStart is left out of the samples, because all connections are opened then.
	overloadStart = 2 * time.Second
	// sampling is the interval at which a call and a probe are made to measure how long they take.
	sampling = 5 * time.Millisecond
)

// overload holds the results of an overload.
type overload struct {
	Offered          float64 // requests per second that were sent
	Accepted         float64 // answered with 200, per second
	Refused          float64 // answered with 503, per second
	Broken           int64   // not answered
	AcceptedP50      float64 // seconds
	AcceptedP99      float64 // seconds
	RefusedP99       float64 // seconds
	HealthP99        float64 // seconds
	HealthUnanswered int
	CapacityShare    float64 // accepted, as a share of what the sidecar signs without overload
}

// overloaded is the sidecar that is put under overload.
var overloaded = contender{
	name: targetVerifying + fmt.Sprintf(", max_wait %v", overloadWait), binary: sidecar, key: "private_key %s",
	isChecked: true, options: fmt.Sprintf("\n\t\tmax_wait %v", overloadWait), env: asShipped,
}

// measureOverload has wrk send a sidecar far more requests than it can sign, and measures meanwhile
// how long other calls and health probes take. wrk uses CPU of the same machine.
func measureOverload(ctx context.Context, p plan, u *upstream, m *material, found *results) error {
	t, err := startCaddy(ctx, m, overloaded, gateway{port: u.port}, found, 1)
	if err != nil {
		return err
	}
	defer t.stop()
	capacity := found.median(targetVerifying, 32).RequestsPerSecond
	var o overload
	count := int(overloadFactor * capacity * (overloadPause + overloadWait).Seconds())
	said, err := wrk(ctx, t, m.wrkScript, count, overloadPause, func() error {
		time.Sleep(overloadStart)
		o.sample(ctx, t, p.overload)
		return nil
	})
	if err != nil {
		return err
	}
	seconds := said.seconds()
	o.Offered, o.Refused = float64(said.Requests)/seconds, float64(said.Refused)/seconds
	o.Broken += said.Broken
	o.Accepted = o.Offered - o.Refused
	o.CapacityShare = o.Accepted / capacity
	found.Overload = &o
	return nil
}

// sample makes calls and health probes for the duration.
func (o *overload) sample(ctx context.Context, t *target, duration time.Duration) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 5 * time.Second}
	var (
		mutex                     sync.Mutex
		accepted, refused, health []float64
		waiting                   sync.WaitGroup
	)
	call := func() {
		began := time.Now()
		status, err := t.post(ctx, client)
		took := time.Since(began).Seconds()
		mutex.Lock()
		defer mutex.Unlock()
		switch {
		case err == nil && status == http.StatusOK:
			accepted = append(accepted, took)
		case err == nil && status == http.StatusServiceUnavailable:
			refused = append(refused, took)
		default:
			o.Broken++
		}
	}
	probe := func() {
		began := time.Now()
		w, err := client.Get((&process{port: t.healthPort}).url("/livez"))
		if err == nil {
			err = drain(w)
		}
		mutex.Lock()
		defer mutex.Unlock()
		if err != nil || w.StatusCode != http.StatusOK {
			o.HealthUnanswered++
			return
		}
		health = append(health, time.Since(began).Seconds())
	}
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	for ends := time.Now().Add(duration); time.Now().Before(ends); <-ticker.C {
		waiting.Go(call)
		waiting.Go(probe)
	}
	waiting.Wait()
	o.AcceptedP50, o.AcceptedP99 = quantile(accepted, .5), quantile(accepted, .99)
	o.RefusedP99, o.HealthP99 = quantile(refused, .99), quantile(health, .99)
}

// quantile returns the value that the given share of the values does not exceed.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*part))]
}

func median(values []float64) float64 { return quantile(values, .5) }
