package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// measureCryptography measures the CPU time of one signature and one verification with Go and, if
// it is installed, with OpenSSL. Go is measured twice: on one CPU, as for sequential calls, and on
// all CPUs at once, as under load, because CPUs that share a core slow each other down.
func measureCryptography(ctx context.Context, m *material, found *results) error {
	digest := sha256.Sum256([]byte(request))
	signature, err := rsa.SignPKCS1v15(nil, m.merchant, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	sign := func() {
		_, _ = rsa.SignPKCS1v15(nil, m.merchant, crypto.SHA256, digest[:])
	}
	verify := func() {
		_ = rsa.VerifyPKCS1v15(&m.merchant.PublicKey, crypto.SHA256, digest[:], signature)
	}
	c := &found.Cryptography
	c.GoSign = append(c.GoSign, cpuTime(1, 300*time.Millisecond, sign))
	c.GoVerify = append(c.GoVerify, cpuTime(1, 100*time.Millisecond, verify))
	c.BusySign = append(c.BusySign, cpuTime(runtime.NumCPU(), 500*time.Millisecond, sign))
	c.BusyVerify = append(c.BusyVerify, cpuTime(runtime.NumCPU(), 200*time.Millisecond, verify))
	if sign, verify, ok := openssl(ctx); ok {
		c.OpenSSLSign, c.OpenSSLVerify = append(c.OpenSSLSign, sign), append(c.OpenSSLVerify, verify)
	}
	return nil
}

// cpuTime returns the CPU time in seconds of one call of f, while the given number of threads call
// it for the duration.
func cpuTime(threads int, duration time.Duration, f func()) float64 {
	var (
		spent, calls atomic.Int64
		waiting      sync.WaitGroup
	)
	for range threads {
		waiting.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			began := threadTime()
			for ends := time.Now().Add(duration); time.Now().Before(ends); {
				f()
				calls.Add(1)
			}
			spent.Add(int64(threadTime() - began))
		})
	}
	waiting.Wait()
	return time.Duration(spent.Load()).Seconds() / float64(calls.Load())
}

// threadTime returns the CPU time that the current thread has used so far.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	_ = syscall.Getrusage(thread, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// openssl returns the times that openssl speed reports, in seconds. They are CPU times too.
func openssl(ctx context.Context) (sign, verify float64, ok bool) {
	said, err := exec.CommandContext(ctx, "openssl", "speed", "-seconds", "1", "rsa2048").Output()
	if err != nil {
		return 0, 0, false
	}
	// rsa 2048 bits 0.000330s 0.000010s   3030.0 100000.0
	for line := range strings.Lines(string(said)) {
		fields := strings.Fields(line)
		if len(fields) == 7 && fields[0] == "rsa" && fields[1] == "2048" {
			signs, err1 := strconv.ParseFloat(fields[5], 64)
			verifies, err2 := strconv.ParseFloat(fields[6], 64)
			return 1 / signs, 1 / verifies, err1 == nil && err2 == nil
		}
	}
	return 0, 0, false
}
