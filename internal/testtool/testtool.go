// Package testtool finds the programs that some tests need beside Go. All tests follow
// one policy: what is missing skips the test and says how to get it, so that a machine
// with nothing but Go passes; where the environment variable CI is set it fails instead,
// since a check that is never made would look like one that passed.
package testtool

import (
	"os"
	"os/exec"
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
