//go:build cgo

package openssl

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// resident returns the resident memory of this process, Go's and OpenSSL's, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, pages int
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

// outside returns the resident memory of this process outside Go's heap, in bytes. It is
// mostly OpenSSL's. Go's own heap is left out because it grows and shrinks with the
// garbage collector, and the race detector needs a multiple of it.
func outside(t *testing.T) int {
	t.Helper()
	sample := make([]byte, 1<<20)
	text, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	total, counts := 0, false
	for line := range strings.Lines(string(text)) {
		var from, to, size int
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err == nil {
			counts = strings.HasPrefix(rights, "rw") && !isOfGo(line, uintptr(from), sample)
		} else if _, err := fmt.Sscanf(line, "Rss: %d kB", &size); err == nil && counts {
			total += size << 10
		}
	}
	return total
}

// withRaceDetector says that the race detector is on. Its own memory grows with what it
// has seen.
var withRaceDetector bool

// isOfGo reports whether a line of maps belongs to Go's heap, which contains sample, or to the
// race detector's shadow memory for it. Go starts its heap at a random address, which may be
// near the data and the heap of C, but those have names. Everything else that C maps is far
// above. The shadow memory is from 0x20 to 0x3f in units of 1<<40.
func isOfGo(line string, from uintptr, sample []byte) bool {
	const near, notes = 1 << 36, 40
	heap := uintptr(unsafe.Pointer(unsafe.SliceData(sample)))
	isOthers := strings.ContainsAny(line, "/[") && !strings.Contains(line, "[anon: Go: ")
	return !isOthers && max(from, heap)-min(from, heap) < near || withRaceDetector && 0x20 <= from>>notes && from>>notes < 0x40
}

func TestIsOfGo(t *testing.T) {
	sample := make([]byte, 1<<20)
	heap := uintptr(unsafe.Pointer(unsafe.SliceData(sample)))
	for name, is := range map[string]bool{"": true, "[anon: Go: heap]": true, "[heap]": false, "/usr/lib/libcrypto.so.3": false} {
		line := "rw-p 00000000 00:00 0    " + name
		assert.Equal(t, is, isOfGo(line, heap, sample), name)
		assert.Equal(t, is, isOfGo(line, heap+1<<35, sample), name)
		assert.False(t, isOfGo(line, 0x7f<<40, sample), name)
	}
}

// A signature leaves nothing behind in C's memory, which is not garbage-collected. Even a
// leak of one byte per signature would show, since malloc takes 32 bytes for it.
func TestMemoryOfSignaturesIsBounded(t *testing.T) {
	opened := mustOpen(t, testkeys.Merchant())
	digest := sha256.Sum256(nil)
	sign := func(count int) {
		var workers sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for range count / runtime.GOMAXPROCS(0) {
					_, err := opened.Sign(nil, digest[:], crypto.SHA256)
					if !assert.NoError(t, err) {
						return
					}
				}
			})
		}
		workers.Wait()
	}
	const signatures = 50_000
	sign(signatures) // lets OpenSSL and the race detector allocate what they need once for each thread
	before := outside(t)
	sign(signatures)
	grown := outside(t) - before
	t.Logf("%d signatures: %d KiB more", signatures, grown>>10)
	limit := 32 * signatures / 2
	if withRaceDetector {
		limit = 4 << 20
	}
	assert.Less(t, grown, limit, "bytes after %d signatures", signatures)
}

// A key is freed when its generation has been replaced, so a rotation leaves nothing
// behind.
func TestMemoryOfRetiredKeysIsBounded(t *testing.T) {
	digest := sha256.Sum256(nil)
	rotate := func(count int) {
		for i := range count {
			_, err := mustOpen(t, testkeys.Merchant()).Sign(nil, digest[:], crypto.SHA256)
			require.NoError(t, err)
			if i%100 == 0 {
				runtime.GC()
			}
		}
	}
	rotate(500)
	before := resident(t)
	const rotations = 5_000
	rotate(rotations)
	grown := resident(t) - before
	t.Logf("%d keys: %d KiB more", rotations, grown>>10)
	assert.Less(t, grown, 8<<20, "bytes after %d keys, each of which takes some 10 KiB", rotations)
}

// A replaced key is overwritten in OpenSSL's memory, not only freed.
func TestRetiredKeysAreOverwritten(t *testing.T) {
	private := testkeys.New(2048)
	prime := make([]byte, private.Primes[0].BitLen()/8)
	private.Primes[0].FillBytes(prime)
	// OpenSSL stores numbers as words, the least significant first. Half of the words are
	// enough to recognise the number, even in a copy that is partly overwritten.
	var needle []byte
	for i := len(prime); i > len(prime)/2; i -= 8 {
		needle = binary.NativeEndian.AppendUint64(needle, binary.BigEndian.Uint64(prime[i-8:i]))
	}

	opened := mustOpen(t, private)
	digest := sha256.Sum256(nil)
	_, err := opened.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.Positive(t, countOutsideOfGo(t, needle), "while the key is in use")
	runtime.KeepAlive(opened)

	opened = nil
	for ends := time.Now().Add(10 * time.Second); countOutsideOfGo(t, needle) > 0; {
		require.True(t, time.Now().Before(ends), "the prime is still in OpenSSL's memory")
		runtime.GC() // the cleanup follows it in a separate goroutine
	}
}

// countOutsideOfGo counts how often needle occurs in the writable memory of this process
// outside Go's heap, where the test itself has it.
func countOutsideOfGo(t *testing.T, needle []byte) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	memory, err := os.Open("/proc/self/mem")
	require.NoError(t, err)
	defer memory.Close()
	count := 0
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") {
			continue
		}
		if isOfGo(line, uintptr(from), needle) || strings.Contains(line, "[v") {
			continue
		}
		count += countIn(io.NewSectionReader(memory, from, to-from), needle)
	}
	return count
}

// countIn counts how often needle occurs in what r returns. It holds only a part of that
// at a time.
func countIn(r io.Reader, needle []byte) int {
	part, held, count := make([]byte, 1<<20), 0, 0
	for {
		n, err := r.Read(part[held:])
		text := part[:held+n]
		count += bytes.Count(text, needle)
		if err != nil {
			return count
		}
		// The end of this part may be the beginning of another occurrence.
		held = copy(part, text[max(0, len(text)-len(needle)+1):])
	}
}
