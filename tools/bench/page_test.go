package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// The page, including its first sentence, and the chart show exactly what the last run found.
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

// The parts of each bar of the chart add up to the number beside it, on one scale for all bars, and
// every profiled target has a part for its signature.
func TestChartAddsUp(t *testing.T) {
	found, err := readResults(filepath.Join(root, resultsFile))
	if err != nil {
		t.Fatal(err)
	}
	rects := regexp.MustCompile(`<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)" height="18" fill="(#\w+)"/>`).FindAllStringSubmatch(read(t, chartFile), -1)
	drawn, colors := make(map[int]float64), make(map[int][]string)
	for _, rect := range rects {
		x, y, width := number(t, rect[1]), int(number(t, rect[2])), number(t, rect[3])
		if begin := labelWidth + drawn[y]; math.Abs(x-begin) > .2 {
			t.Errorf("at %d, a part begins at %.1f, and the one before it ends at %.1f", y, x, begin)
		}
		if width == 0 {
			t.Errorf("at %d, a part has no width", y)
		}
		drawn[y] += width
		colors[y] = append(colors[y], rect[4])
	}
	scale, y := 0.0, headHeight
	for _, target := range found.Targets {
		if !strings.HasSuffix(target.Name, overTLS) {
			continue
		}
		cpu := found.median(target.Name, 32).CPU
		if scale == 0 {
			scale = drawn[y] / cpu
		}
		if math.Abs(drawn[y]-cpu*scale) > 1.5 { // each part is rounded, and the scale comes from the first bar, which is short
			t.Errorf("%s takes %s µs, but its bar has %.1f px, which is %s µs", target.Name, micro(cpu), drawn[y], micro(drawn[y]/scale))
		}
		if hasSign := slices.Contains(colors[y], colorSign); hasSign != (target.profiledShare(partSign) > 0) {
			t.Errorf("%s: its bar has a signature: %t", target.Name, hasSign)
		}
		y += barDistance
	}
	if len(drawn) == 0 || y != headHeight+len(drawn)*barDistance {
		t.Errorf("%d bars", len(drawn))
	}
}

// No part of a bar is negative.
func TestSegments(t *testing.T) {
	profile := func(sign, rest float64) []float64 {
		all := make([]float64, len(parts))
		all[partOf([]string{"crypto/rsa.SignPKCS1v15"})], all[len(parts)-1] = sign, rest
		return all
	}
	for name, test := range map[string]struct {
		target measured
		want   []segment
	}{
		"plain Caddy":           {measured{Name: targetPlain + overTLS, Profile: profile(0, 1)}, []segment{{colorProxy, 10}}},
		"profiled":              {measured{Name: targetBatch + overTLS, Profile: profile(1, 3)}, []segment{{colorProxy, 4}, {colorSign, 2.5}, {colorRest, 3.5}}},
		"not profiled":          {measured{Name: targetNginx + overTLS}, []segment{{colorWhole, 10}}},
		"more than there is":    {measured{Name: targetVerifying + overTLS, Profile: profile(3, 1)}, []segment{{colorWhole, 10}}},
		"nothing of it signing": {measured{Name: targetVerifying + overTLS, Profile: profile(0, 1)}, []segment{{colorWhole, 10}}},
	} {
		if got := test.target.segments(10, 4); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The page begins with the answer.
func TestPageBeginsWithTheAnswer(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, pageFile), "\n")
	if !strings.HasPrefix(strings.TrimSpace(rest), "<!-- bench: answer -->\n") {
		t.Error("something stands before the answer")
	}
}

// The numbers that operators are told to size by match what was found, within the differences
// between machines.
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

// The profile of a call is divided by the functions on the stack, innermost first.
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

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
