// Package testparsers parses JSON like the applications and services around the sidecar,
// so that tests can find out whether a document means the same to all of them.
//
// The parsers of other languages run as processes that read one document per line, in
// base64, and print what they find: for each way of parsing it, separated by "|", the
// values of the names at the top level and then in data, separated by spaces. A value is
// "-" if there is none, "t" or "f", "n" or "d" and a number as the language prints it,
// with all its digits or as a double, "s" and text in base64, or "c" if it contains other
// values. A way of parsing that rejects the document is "!", and one that does not apply
// to it "?".
package testparsers

import (
	"bufio"
	"embed"
	"encoding/base64"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// Names are the members whose values are compared: those that say what happened, to which
// payment, for which merchant or user, and how much money it is about.
var Names = []string{
	"code", "msg", "notifyType", "appId", "merchantAppId", "merchantNo", "spMerchantNo",
	"outTradeNo", "outRefundNo", "refundTradeNo", "tradeToken", "requestId", "userId",
	"totalAmount", "refundAmount", "amount", "payAmount", "currency", "refundCurrency", "status",
}

//go:embed python.py php.php node.js Parsers.java
var sources embed.FS

// View is the result of one way of parsing a document.
type View struct {
	// Parser names the parser and the way of parsing.
	Parser string
	// Refused is true if the parser rejects the document.
	Refused bool
	// facts are the values of Names at the top level, and then in data.
	facts []string
}

// Parsers parses documents. The zero value has only the parsers of this process.
type Parsers struct {
	processes []*process
}

// Open starts the parsers of other languages until the end of the test. It skips or fails
// the test if one of them is missing. The environment variable FASTJSON_JAR names a jar
// of fastjson 1.2 to use in addition to the model of it.
func Open(t testing.TB) *Parsers {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"python.py", "php.php", "node.js", "Parsers.java"} {
		source, err := sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), source, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ways := []string{"Jackson, a tree", "Jackson, each digit", "Jackson, a bean with names in any case"}
	jars := jackson(t)
	if jar := os.Getenv("FASTJSON_JAR"); jar != "" {
		jars = append(jars, jar)
		ways = append(ways, "fastjson, a map", "fastjson, a bean")
	}
	p := new(Parsers)
	p.start(t, []string{"Python"}, testtool.Find(t, "python3"), filepath.Join(folder, "python.py"))
	p.start(t, []string{"PHP, arrays", "PHP, objects"}, testtool.Find(t, "php"), filepath.Join(folder, "php.php"))
	p.start(t, []string{"Node", "Node, a copy"}, testtool.Find(t, "node"), filepath.Join(folder, "node.js"))
	p.start(t, ways, testtool.Find(t, "java"), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-cp", strings.Join(jars, ":"), filepath.Join(folder, "Parsers.java"))
	return p
}

// jackson returns the paths of Jackson's jars in Debian.
func jackson(t testing.TB) []string {
	var jars []string
	for _, name := range []string{"databind", "core", "annotations"} {
		jar := "/usr/share/java/jackson-" + name + ".jar"
		if _, err := os.Stat(jar); err != nil {
			testtool.Missing(t, "Jackson", "apt-get install libjackson2-databind-java")
		}
		jars = append(jars, jar)
	}
	return jars
}

// process is a running parser of another language.
type process struct {
	ways []string
	in   *bufio.Writer
	out  *bufio.Reader
}

func (p *Parsers) start(t testing.TB, ways []string, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(args, Names...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // it ends with its input
	})
	p.processes = append(p.processes, &process{ways, bufio.NewWriter(in), bufio.NewReader(out)})
}

// Read returns the views of each document, in order. Those of Go come first.
func (p *Parsers) Read(t testing.TB, documents [][]byte) [][]View {
	t.Helper()
	views := make([][]View, len(documents))
	for i, document := range documents {
		views[i] = inGo(document)
	}
	for _, process := range p.processes {
		go process.ask(documents) // reading from the process reports its end
	}
	for _, process := range p.processes {
		for i := range documents {
			said, err := process.said()
			if err != nil {
				t.Fatalf("%s: %v", process.ways[0], err)
			}
			views[i] = append(views[i], said...)
		}
	}
	return views
}

func (p *process) ask(documents [][]byte) {
	for _, document := range documents {
		_, _ = p.in.WriteString(base64.StdEncoding.EncodeToString(document) + "\n")
	}
	_ = p.in.Flush()
}

func (p *process) said() ([]View, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	ways := strings.Split(strings.TrimRight(line, "\r\n"), "|")
	if len(ways) != len(p.ways) {
		return nil, fmt.Errorf("%d ways of reading, expected %d", len(ways), len(p.ways))
	}
	var views []View
	for i, way := range ways {
		switch way {
		case "?":
		case "!":
			views = append(views, View{Parser: p.ways[i], Refused: true})
		default:
			views = append(views, View{Parser: p.ways[i], facts: strings.Split(way, " ")})
		}
	}
	return views, nil
}

// Disagreement says what two of the views disagree on, or returns "" if all agree:
// whether the document is JSON, or the value of one of the members, which are named like
// code or data.status. It repeats no value.
func Disagreement(views []View, members []string) string {
	first := views[0]
	for _, other := range views[1:] {
		if first.Refused != other.Refused {
			return fmt.Sprintf("%s or %s refuses it, and the other does not", first.Parser, other.Parser)
		}
		for i := range first.facts {
			if name := member(i); slices.Contains(members, name) && !same(first.facts[i], other.facts[i]) {
				return fmt.Sprintf("%s and %s read %s differently", first.Parser, other.Parser, name)
			}
		}
	}
	return ""
}

// Members returns all members whose values can be compared.
func Members() []string {
	members := make([]string, 2*len(Names))
	for i := range members {
		members[i] = member(i)
	}
	return members
}

// member returns the name of the member that a fact is about.
func member(i int) string {
	if i < len(Names) {
		return Names[i]
	}
	return "data." + Names[i-len(Names)]
}

// same reports whether two values are equal. Numbers are compared by value, since 1.0 is
// 1.
func same(a, b string) bool {
	if a == b {
		return true
	}
	if !isNumber(a) || !isNumber(b) {
		return false
	}
	one, isOne := new(big.Rat).SetString(a[1:])
	other, isOther := new(big.Rat).SetString(b[1:])
	switch {
	case !isOne || !isOther:
		return false
	case a[0] == 'd' && b[0] == 'd':
		return double(one) == double(other)
	case a[0] == 'd':
		return double(one) == double(other) && isShortest(other)
	case b[0] == 'd':
		return double(one) == double(other) && isShortest(one)
	default:
		return one.Cmp(other) == 0
	}
}

func isNumber(fact string) bool { return fact != "" && (fact[0] == 'n' || fact[0] == 'd') }

func double(number *big.Rat) float64 {
	value, _ := number.Float64()
	return value
}

// isShortest reports whether a number is the shortest decimal form of its double.
func isShortest(number *big.Rat) bool {
	written, _ := new(big.Rat).SetString(strconv.FormatFloat(double(number), 'g', -1, 64))
	return written.Cmp(number) == 0
}
