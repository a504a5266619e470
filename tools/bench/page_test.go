package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// The page, its first sentence included, and the chart say what the last run has
// found, and nothing else.
func TestPageSaysWhatWasFound(t *testing.T) {
	found, err := readResults(filepath.Join(root, resultsFile))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, pageFile)
	want, err := found.fill(page)
	if err != nil {
		t.Fatal(err)
	}
	if page != want {
		t.Errorf("%s is not what %s says; after editing either, restore what go run . has written", pageFile, resultsFile)
	}
	if read(t, chartFile) != found.chart() {
		t.Errorf("%s is not what %s says", chartFile, resultsFile)
	}
	judged := *found
	judged.judge()
	for i, g := range judged.Goals {
		if i >= len(found.Goals) || found.Goals[i] != g {
			t.Errorf("%s: another verdict follows from the rounds: %+v", resultsFile, g)
		}
	}
}

// The answer is the page's first sentence.
func TestPageBeginsWithTheAnswer(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, pageFile), "\n")
	if !strings.HasPrefix(strings.TrimSpace(rest), "<!-- bench: answer -->\n") {
		t.Error("something stands before the answer")
	}
}

// What operators are told to size by is what was found, give or take what machines differ
// by.
func TestSizing(t *testing.T) {
	found, err := readResults(filepath.Join(root, resultsFile))
	if err != nil {
		t.Fatal(err)
	}
	sentence := regexp.MustCompile(`One CPU makes some ([\d,]+) calls a second with Go's RSA, ([\d,]+) with .{0,2}key openssl\S* and ([\d,]+) with\s+.{0,2}engine batch`)
	said := sentence.FindStringSubmatch(read(t, "docs/operations.md"))
	if said == nil {
		t.Fatal("docs/operations.md does not say how many calls a CPU makes")
	}
	for i, name := range []string{targetVerifying, targetOpenSSL, targetBatch} {
		calls, err := strconv.ParseFloat(strings.ReplaceAll(said[i+1], ",", ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		if m := found.median(name+overTLS, 32); m != nil && (calls < .7/m.CPU || calls > 1.4/m.CPU) {
			t.Errorf("docs/operations.md says that a CPU makes %.0f calls a second with %s; %.0f were found", calls, name, 1/m.CPU)
		}
	}
}

// What the profile of a call is divided into, by the functions on the stack, of which the
// innermost comes first.
func TestParts(t *testing.T) {
	const caddy = "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	under := func(stack ...string) []string {
		return append(stack, own+".(*Handler).ServeHTTP", caddy+".(*Server).ServeHTTP", "net/http.(*conn).serve")
	}
	for want, stack := range map[string][]string{
		partSign:                            under("addMulVVW", "crypto/rsa.SignPKCS1v15", own+"/signer.Sign", own+".(*Handler).sign"),
		"the verification of the signature": under("addMulVVW", "crypto/rsa.VerifyPKCS1v15", own+"/internal/rsabatch.(*Engine).checked", own+"/signer.Sign"),
		partAnswer:                          under("addMulVVW", "crypto/rsa.VerifyPKCS1v15", own+"/signer.Verify", own+".(*Handler).check"),
		"`reverse_proxy`":                   under("memmove", caddy+"/reverseproxy.(*Handler).ServeHTTP", own+".(*Handler).send"),
		"ours: the transport":               under("memmove", own+"/modules/transport.(*Transport).RoundTrip", caddy+"/reverseproxy.(*Handler).ServeHTTP"),
		"ours: the rest":                    under("memmove"),
		"the rest of Caddy":                 {"memmove", caddy + ".(*Server).ServeHTTP", "net/http.(*conn).serve"},
		"the garbage collector":             {"runtime.scanobject", "runtime.gcBgMarkWorker"},
		"the scheduler and the rest":        {"runtime.futex", "runtime.mcall"},
	} {
		if got := parts[partOf(stack)].name; got != want {
			t.Errorf("%q is taken for %q", want, got)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
