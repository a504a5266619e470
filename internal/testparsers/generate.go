package testparsers

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Generator generates documents that look like PayerMax's, most of them with something
// from the dark corners of JSON.
type Generator struct{ *rand.Rand }

// NewGenerator returns a Generator whose documents depend only on the seed.
func NewGenerator(seed uint64) Generator { return Generator{rand.New(rand.NewPCG(seed, seed))} }

// Request returns a document that an application could post.
func (g Generator) Request() []byte {
	return g.document(`"appId":"3b24","merchantNo":"0202"`, `"outTradeNo":"P1","totalAmount":10.5,"currency":"IDR","userId":"U1"`)
}

// Answer returns a document that a gateway could answer with.
func (g Generator) Answer() []byte {
	return g.document(`"code":"APPLY_SUCCESS","msg":""`, `"outTradeNo":"P1","tradeToken":"T1","status":"SUCCESS","payAmount":10.50,"currency":"IDR"`)
}

// Notification returns a document that PayerMax could send as a notification.
func (g Generator) Notification() []byte {
	return g.document(`"notifyType":"REFUND","code":"APPLY_SUCCESS","appId":"3b24","merchantNo":"0202"`, `"outRefundNo":"R1","outTradeNo":"P1","refundAmount":10,"refundCurrency":"IDR","status":"REFUND_SUCCESS"`)
}

// document returns an object with the members top, and an object named data with the
// members data, possibly mutated.
func (g Generator) document(top, data string) []byte {
	inner := g.changed(data, 0)
	name := `"data"`
	if g.IntN(20) == 0 {
		name = g.spelt("data")
	}
	members := []string{g.changed(top, 0), name + g.space() + ":" + g.space() + "{" + inner + "}"}
	if g.IntN(2) == 0 {
		members[0], members[1] = members[1], members[0]
	}
	if g.IntN(20) == 0 {
		members = append(members, g.spelt("data")+":"+g.value(0))
	}
	text := "{" + strings.Join(members, g.comma()) + "}"
	switch g.IntN(60) {
	case 0:
		return []byte("\ufeff" + text)
	case 1:
		return []byte(text + pick(g, trailing))
	case 2:
		return []byte(text[:g.IntN(len(text))])
	case 3, 4:
		at := g.IntN(len(text))
		return []byte(text[:at] + pick(g, bytesOfTrouble) + text[at+1:])
	}
	return []byte(text)
}

// changed returns the members, with some of them changed or added.
func (g Generator) changed(text string, depth int) string {
	members := strings.Split(text, ",")
	for range g.IntN(3) {
		i := g.IntN(len(members))
		name, value, _ := strings.Cut(strings.Trim(members[i], "{}"), ":")
		name, _ = strconv.Unquote(name)
		switch g.IntN(4) {
		case 0:
			members[i] = g.spelt(name) + ":" + value
		case 1:
			members[i] = strconv.Quote(name) + ":" + g.value(depth)
		case 2:
			members = append(members, g.spelt(name)+g.space()+":"+g.value(depth))
		default:
			members = append(members, g.spelt(pick(g, Names))+":"+g.value(depth))
		}
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return strings.Join(members, g.comma())
}

// spelt returns a name or one that could be mistaken for it, quoted. If the name is "",
// it picks one of Names.
func (g Generator) spelt(name string) string {
	if name == "" {
		name = pick(g, Names)
	}
	at := g.IntN(len(name))
	switch g.IntN(14) {
	case 0:
		name = strings.ToUpper(name)
	case 1:
		name = strings.ToLower(name)
	case 2:
		name = strings.ToUpper(name[:1]) + name[1:]
	case 3:
		name = name[:at] + pick(g, []string{"_", "-", " ", "\u200b", `\u0000`, `\t`, "\u00a0"}) + name[at:]
	case 4:
		name = strings.NewReplacer("i", "ı", "s", "ſ", "k", "\u212a").Replace(name)
	case 5:
		name = name[:at] + fmt.Sprintf(`\u%04x`, name[at]) + name[at+1:]
	case 6:
		name = pick(g, namesOfTrouble)
	case 7:
		name += " "
	}
	return `"` + name + `"`
}

// value returns a random value.
func (g Generator) value(depth int) string {
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return pick(g, numbers)
	case 4:
		return fmt.Sprintf("%d.%0*d", g.Uint64N(1<<60), 1+g.IntN(20), g.Uint64N(1000))
	case 5, 6, 7:
		return pick(g, texts)
	case 8:
		return pick(g, literals)
	case 9:
		return strings.Repeat("[", 1+g.IntN(40)) + strings.Repeat("]", 1+g.IntN(40))
	case 10:
		if n := g.IntN(3000); g.IntN(30) == 0 {
			return strings.Repeat(`{"a":[`, n) + "1" + strings.Repeat("]}", n)
		}
		return "[" + pick(g, numbers) + "]"
	default:
		if depth > 3 {
			return "{}"
		}
		return "{" + g.changed(`"amount":1,"currency":"IDR"`, depth+1) + "}"
	}
}

func (g Generator) space() string {
	if g.IntN(10) > 0 {
		return ""
	}
	return pick(g, spaces)
}

func (g Generator) comma() string { return "," + g.space() }

func pick(g Generator, from []string) string { return from[g.IntN(len(from))] }

var (
	namesOfTrouble = []string{
		"$ref", "@type", "@class", "@id", "__proto__", "constructor", "toString", "length", `\u0000code`, "", " ", "0", "1", "-1", "00",
		`$\u0072ef`, `\ud83d\ude00`, `\ud83d`, `\u005f_proto__`, "data", "code", "isdata", "class", "this", "é", "e\u0301",
	}
	numbers = []string{
		"0", "-0", "0.0", "-0.0", "1", "1.0", "1.00", "10.50", "1e2", "1E+2", "1e-2", "1e0", "0.1", "0.10000000000000001", "0.30000000000000004",
		"9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807", "9223372036854775808",
		"18446744073709551616", "123456789012345678901234567890", "1e22", "1e23", "123456789012.34", "99999999999999.99", "999999999999999.99",
		"1e308", "1.7976931348623157e308", "1.8e308", "1e309", "1e-308", "4.9e-324", "1e-400", "1e400", "1e99999999999", "2.2250738585072011e-308",
		"01", "-01", "+1", ".5", "5.", "1e", "0x10", "1_000", "1,000", "NaN", "Infinity", "-Infinity", "１", "1L", "1D", "1f",
		"1" + strings.Repeat("0", 308), "1" + strings.Repeat("0", 309), "0." + strings.Repeat("0", 400) + "1", "1." + strings.Repeat("0", 2000),
		strings.Repeat("9", 4400),
	}
	texts = []string{
		`""`, `"1"`, `"1.0"`, `"1e2"`, `"SUCCESS"`, `"APPLY_SUCCESS"`, `"FAILED"`, `"USD"`, `"\u0055SD"`, `"\/"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`,
		`"\u0000"`, `"a\u0000b"`, "\"\u2028\"", "\"\ufeff\"", "\"\ufffd\"", "\"\uffff\"", "\"é\"", "\"e\u0301\"", `"\x41"`, `"\'"`, `'USD'`, `USD`, "\"\xff\"", "\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\t\"", "\"\n\"", "\"\x7f\"", "\"\u0085\"", `"$.data"`, `"\u00e9"`, `"\uD83D\uDE00"`, `"\u"`, `"\u12"`,
		`"` + strings.Repeat("x", 3000) + `"`, `"\ud83d\u0041"`, "\"\x1a\"", "\"😀\"",
	}
	literals = []string{"null", "true", "false", "True", "undefined", "nil", "{}", "[]", `{"$ref":"$"}`, `{"$ref":"$.data.x"}`, `{"@type":"java.lang.Long"}`, `[null]`}
	spaces   = []string{" ", "\n", "\t", "\r\n", "\u00a0", "\f", "\v", "/* */", "//\n", "#\n", "\u2028", "\ufeff", "\x00", "\x1a", ","}
	trailing = []string{" ", "\n", "{}", "x", "\x00", "\x1a", ",", "}", "null", "\n{\"code\":\"X\"}", "/**/", ";"}

	bytesOfTrouble = []string{"", "\x00", "\xff", "\"", "'", "\\", "{", "}", ",", ":", "\n", "\u2028", "0"}
)
