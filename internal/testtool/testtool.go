// Package testtool finds the programs that some tests need beside Go. All tests follow
// one policy: what is missing skips the test and says how to get it, so that a machine
// with nothing but Go passes; where the environment variable CI is set it fails instead,
// since a check that is never made would look like one that passed.
//
// It also has what tests need that go by the clock of a machine that is busy, or near
// midnight.
package testtool

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// debian names the package of Debian that has a program, where the two names differ.
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

// Find returns the path of a program, or ends the test.
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

// Missing ends a test that lacks something, and says how to get it.
func Missing(t testing.TB, what, remedy string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing, but CI must not skip this test; get it with: %s", what, remedy)
	}
	t.Skipf("needs %s; get it with: %s", what, remedy)
}

// tooBusy is how many processes wait for each CPU where a measurement says more about
// the machine than about what is measured. The tests themselves, package by package on
// all CPUs, come to some two.
const tooBusy = 4

// Quiet ends a test that measures times or memory under load, if the machine has too much
// else to do. Where CI is set, the machine is there for the tests.
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

// busyness returns the load of the last minute, where the system has that in a file.
func busyness() (load float64, busy bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err = strconv.ParseFloat(first, 64)
	return load, err == nil && load > tooBusy*float64(runtime.NumCPU())
}
