package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	t.Parallel()
	var out, keep bytes.Buffer
	r := report{out: &out, keep: &keep}
	require.NoError(t, r.read(strings.NewReader(`# a line of a build
{"Action":"output","Package":"p","Test":"TestGood","Output":"said quietly\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"said aloud\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestOne","Output":"    one_test.go:7: needs openssl; get it with: apt-get install openssl\n"}
{"Action":"output","Package":"p","Test":"TestOne","Output":"--- SKIP: TestOne (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestOne"}
{"Action":"output","Package":"p","Test":"FuzzAny/seed#0","Output":"    fuzz_test.go:7: \n"}
{"Action":"skip","Package":"p","Test":"FuzzAny/seed#0"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q"}
`)))
	r.tellSkipped()
	assert.Equal(t, `# a line of a build
said aloud
FAIL	p	0.1s

skipped:
  needs openssl; get it with: apt-get install openssl
    TestOne
`, out.String())
	assert.Contains(t, keep.String(), "said quietly")

	out.Reset()
	assert.False(t, r.tellUnexcused(regexp.MustCompile(`^needs openssl`)))
	assert.True(t, r.tellUnexcused(regexp.MustCompile(`race detector`)))
	assert.Equal(t, "must not be skipped here: TestOne (needs openssl; get it with: apt-get install openssl)\n", out.String())
}

func TestNothingSkipped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := report{out: &out}
	r.tellSkipped()
	assert.Equal(t, "\nno test was skipped\n", out.String())
}
