// Package testtool finds the programs that some tests need besides Go. All tests follow
// one policy: if a program is missing, the test is skipped and says how to install it, so
// that the tests pass on a machine with only Go. If the environment variable CI is set,
// the test fails instead, since a check that is never made would look like one that
// passed.
//
// It also has helpers for tests that measure time on a busy machine or depend on the
// date.
package testtool

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// debian holds the Debian packages of programs whose names differ from the package's.
var debian = map[string]string{
	"chromedriver": "chromium-driver",
	"java":         "default-jdk-headless",
	"javac":        "default-jdk-headless",
	"keytool":      "default-jdk-headless",
	"node":         "nodejs",
	"php":          "php-cli",
	"puttygen":     "putty-tools",
	"sh":           "dash",
	"ssh-keygen":   "openssh-client",
	"iconv":        "libc-bin",
	"base64":       "coreutils",
	"true":         "coreutils",
}

// Find returns the path of a program, or ends the test with Missing.
func Find(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		name := program
		if known, ok := debian[program]; ok {
			name = known
		}
		Missing(t, program, "apt-get install "+name)
	}
	return path
}

// Missing skips a test that lacks something, or fails it if CI is set, and says how to
// install it.
func Missing(t testing.TB, what, remedy string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing, but CI must not skip this test; get it with: %s", what, remedy)
	}
	t.Skipf("needs %s; get it with: %s", what, remedy)
}

// tooBusy is the load per CPU at which a measurement says more about the machine than
// about the tested code. The tests themselves, running package by package on all CPUs,
// cause a load of about two.
const tooBusy = 4

// Quiet skips a test that measures times or memory under load, if the machine is too
// busy. It never skips if CI is set, since that machine is dedicated to the tests.
func Quiet(t testing.TB) {
	t.Helper()
	if os.Getenv("CI") != "" {
		return
	}
	if load, busy := busyness(); busy {
		t.Skipf("needs a machine that has less to do (the load is %.0f on %d CPUs); run it alone: go test ./e2e -run '^%s$'",
			load, runtime.NumCPU(), strings.Split(t.Name(), "/")[0])
	}
}

// busyness returns the load of the last minute, and whether it is too high. On systems
// without /proc/loadavg, it reports false.
func busyness() (load float64, busy bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err = strconv.ParseFloat(first, 64)
	return load, err == nil && load > tooBusy*float64(runtime.NumCPU())
}
