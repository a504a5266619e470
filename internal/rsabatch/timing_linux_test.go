package rsabatch

import (
	"math"
	mathrand "math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	// leaks is the |t| from which on two times count as different (Reparaz, Balasch and
	// Verbauwhede, "Dude, is my code constant time?", who use 4.5, and 10 for certainty).
	leaks = 4.5
	// timings is the number of measurements per class.
	timings = 10_000
)

// Two classes of inputs take the same time, according to Welch's t-test: one class is
// constant, the other random or extreme. Whatever differs is copied to one address before each
// measurement, because otherwise the caches would distinguish the classes.
//
// The test takes minutes on an otherwise idle CPU, so it runs only with SOAK_DURATION=1m or
// more.
func TestTiming(t *testing.T) {
	needEngine(t)
	switch info, ok := debug.ReadBuildInfo(); {
	case !isLong():
		t.Skip("it takes minutes; set SOAK_DURATION=1m")
	case ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}):
		t.Skip("the race detector has times of its own")
	}
	keys := someKeys()
	key := keys[0]
	fixed := *operationOn(key, randomMessage(key.private))
	zeros := fixed
	clear(zeros.input[:])
	withDigits := func(digit uint8) *Key {
		changed := *key
		for i := range changed.primes {
			for j := range changed.primes[i].digits {
				changed.primes[i].digits[j] = digit
			}
		}
		return &changed
	}
	for name, classes := range map[string][2]func() (*Key, *operation){
		"message, fixed and random": {
			func() (*Key, *operation) { return key, &fixed },
			func() (*Key, *operation) { return key, operationOn(key, randomMessage(key.private)) },
		},
		"message, fixed and zero": {
			func() (*Key, *operation) { return key, &fixed },
			func() (*Key, *operation) { return key, &zeros },
		},
		"key, fixed and any other": {
			func() (*Key, *operation) { return key, &fixed },
			func() (*Key, *operation) { return keys[mathrand.IntN(len(keys))], &zeros },
		},
		"exponent, zeros and fifteens": {
			func() (*Key, *operation) { return withDigits(0), &fixed },
			func() (*Key, *operation) { return withDigits(15), &fixed },
		},
	} {
		for size := range 2 {
			t.Run(name, func(t *testing.T) {
				statistic := timingOf(t, 1+3*size, classes, (*workspace).compute)
				t.Logf("batch of %d: t = %.2f", 1+3*size, statistic)
				assert.Less(t, math.Abs(statistic), leaks)
			})
		}
	}
	// The measurement must detect a real leak: here, one more squaring for each of 16 digits
	// that are zero, out of about 1,300 multiplications.
	t.Run("control", func(t *testing.T) {
		half := withDigits(15)
		for i := range half.primes[0].digits {
			half.primes[0].digits[i] = uint8(i % 2)
		}
		classes := [2]func() (*Key, *operation){
			func() (*Key, *operation) { return withDigits(15), &fixed },
			func() (*Key, *operation) { return half, &fixed },
		}
		statistic := timingOf(t, 1, classes, func(w *workspace, batch []*operation) {
			w.compute(batch)
			for _, digit := range batch[0].key.primes[0].digits[:32] {
				if digit == 0 {
					narrow.square(&w.a[0], &w.a[0], &w.modulus[0], &w.columns[0])
				}
			}
		})
		t.Logf("t = %.2f", statistic)
		assert.Greater(t, math.Abs(statistic), leaks, "the test cannot see a leak of 16 squarings in 1,300")
	})
}

// threadTime returns the CPU time of the thread, which does not advance while others run.
func threadTime(t *testing.T) time.Duration {
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now))
	return time.Duration(now.Nano())
}

// timingOf returns Welch's t for the times of two classes, measured in random order. Long
// times were disturbed and are left out, with the same bound for both classes. Of several
// bounds, the result is for the one that distinguishes the classes best.
func timingOf(t *testing.T, size int, classes [2]func() (*Key, *operation), compute func(*workspace, []*operation)) float64 {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w, key, batch := new(workspace), new(Key), make([]*operation, size)
	for i := range batch {
		batch[i] = new(operation)
	}
	times := [2][]float64{}
	for range 2 * timings {
		class := mathrand.IntN(2)
		chosen, op := classes[class]()
		*key = *chosen
		for i := range batch {
			batch[i].key, batch[i].input = key, op.input
		}
		began := threadTime(t)
		compute(w, batch)
		times[class] = append(times[class], float64(threadTime(t)-began))
	}
	all, extreme := slices.Sorted(slices.Values(slices.Concat(times[0], times[1]))), 0.0
	for _, kept := range []int{10, 25, 50, 75} { // percent
		if statistic := welch(times, all[len(all)*kept/100]); math.Abs(statistic) > math.Abs(extreme) {
			extreme = statistic
		}
	}
	return extreme
}

// welch returns Welch's t for the times up to a bound.
func welch(times [2][]float64, bound float64) float64 {
	var mean, variance [2]float64 // variance is that of the mean
	for class, measured := range times {
		kept := slices.DeleteFunc(slices.Clone(measured), func(time float64) bool { return time > bound })
		for _, time := range kept {
			mean[class] += time / float64(len(kept))
		}
		for _, time := range kept {
			variance[class] += (time - mean[class]) * (time - mean[class]) / float64(len(kept)-1) / float64(len(kept))
		}
	}
	return (mean[0] - mean[1]) / math.Sqrt(variance[0]+variance[1])
}
