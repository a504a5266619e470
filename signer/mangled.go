package signer

import (
	"bytes"
	"html"
	"io"
	"mime/quotedprintable"
	"regexp"
	"strconv"
)

// manglings are what mail, web pages and terminals make of a text. Each is known by what no
// key has in it, and taken back where that has one meaning. If it has none or several, undo
// returns nil, and the text is refused as it is.
var manglings = []struct {
	known *regexp.Regexp
	undo  func(text []byte) []byte
}{
	{regexp.MustCompile(`&(?:#[0-9]+|#[xX][0-9A-Fa-f]+|[A-Za-z]+);|<br ?/?>`), fromHTML},
	{regexp.MustCompile(`=3[Dd]|=0[AaDd]|(?m:^[^\r\n]{60,99}=\r?\n[ \t]*[A-Za-z0-9+/])`), fromQuotedPrintable},
	{caretBreak, func(text []byte) []byte { return caretBreak.ReplaceAll(text, []byte("\n")) }},
	{regexp.MustCompile(`(?m)^[ \t]*[0-9]+[^A-Za-z0-9\r\n-]+-----BEGIN`), withoutNumbers},
	{quotedBegin, withoutMarks},
	{wideArmour, func(text []byte) []byte { return wideArmour.ReplaceAllFunc(text, oneSpace) }},
}

var (
	// caretBreak is a carriage return as terminals show it, at the end of a line.
	caretBreak = regexp.MustCompile(`\^M[ \t]*(?:\r?\n|\z)`)
	// htmlBreak is a line break of HTML, with the one of the text behind it.
	htmlBreak = regexp.MustCompile(`<br ?/?>(?:\r?\n)?`)
	// lineNumber is what cat -n, grep -n and editors have before a line.
	lineNumber = regexp.MustCompile(`^[ \t]*([0-9]+)(?:[ \t]*[:.|)\x{2502}]|[ \t]|\r?$)[ \t]*`)
	// quotedBegin is a BEGIN line with the mark before it of a patch, a mail or a table.
	quotedBegin = regexp.MustCompile(`(?m)^([ \t]*[+>|][+>| \t]*)-----BEGIN`)
	// wideArmour is a BEGIN or END line with more space between its words than it should have,
	// or behind them.
	wideArmour = regexp.MustCompile(`-----(?:BEGIN|END)(?: [A-Z0-9]+)*(?:[ \t]{2,}[A-Z0-9][A-Z0-9 \t]*|[ \t]+)-----`)
	// otherArmour is a line that stands where a BEGIN or END line does, by its first word.
	otherArmour = regexp.MustCompile(`(?m)^[ \t]*-----[ \t]*([A-Z0-9]+)(?:[ \t][A-Z0-9 \t]*)?-----[ \t]*\r?$`)
)

// unmangled takes back what happened to a text on its way.
func unmangled(text []byte) []byte {
	for _, mangling := range manglings {
		if !mangling.known.Match(text) {
			continue
		}
		if undone := mangling.undo(text); undone != nil {
			text = undone
		}
	}
	return text
}

// fromHTML replaces the character references and line breaks of HTML.
func fromHTML(text []byte) []byte {
	return []byte(html.UnescapeString(string(htmlBreak.ReplaceAll(text, []byte("\n")))))
}

// fromQuotedPrintable decodes the encoding of mail, RFC 2045 section 6.7.
func fromQuotedPrintable(text []byte) []byte {
	decoded, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(text)))
	if err != nil {
		return nil
	}
	return decoded
}

// oneSpace leaves one space between the words of a line, and none before the hyphens at its
// end.
func oneSpace(line []byte) []byte {
	return bytes.Replace(bytes.Join(bytes.Fields(line), []byte(" ")), []byte(" -----"), []byte("-----"), 1)
}

// withoutNumbers takes away line numbers, if each line of the block has the next one.
func withoutNumbers(text []byte) []byte {
	next := 0
	return eachLineOfBlock(text, func(line []byte) ([]byte, bool) {
		found := lineNumber.FindSubmatch(line)
		if found == nil {
			return nil, false
		}
		number, err := strconv.Atoi(string(found[1]))
		inOrder := err == nil && (next == 0 || number == next)
		next = number + 1
		return line[len(found[0]):], inOrder
	})
}

// withoutMarks takes away what stands before the BEGIN line, if each line of the block has
// it: of a patch that removes something as well, nobody knows which line is meant.
func withoutMarks(text []byte) []byte {
	mark := quotedBegin.FindSubmatch(text)[1]
	return eachLineOfBlock(text, func(line []byte) ([]byte, bool) {
		if len(bytes.TrimSpace(line)) > 0 && bytes.HasPrefix(mark, bytes.TrimRight(line, "\r")) { // an empty line of the block
			return nil, true
		}
		return bytes.CutPrefix(line, mark)
	})
}

// eachLineOfBlock changes the lines from the BEGIN to the END line, and those behind it that
// can be changed. It returns nil if it is not known what a line of the block should be, or if
// there is no block.
func eachLineOfBlock(text []byte, change func(line []byte) ([]byte, bool)) []byte {
	lines := bytes.Split(text, []byte("\n"))
	var begun, ended bool
	for i, line := range lines {
		begun = begun || bytes.Contains(line, []byte("-----BEGIN"))
		if !begun {
			continue
		}
		changed, known := change(line)
		switch {
		case known:
			lines[i] = changed
		case !ended:
			return nil
		}
		ended = ended || bytes.Contains(line, []byte("-----END"))
	}
	if !ended {
		return nil
	}
	return bytes.Join(lines, []byte("\n"))
}

// isMisspelt reports whether a line should be a BEGIN or END line, by its hyphens, but has
// another word.
func isMisspelt(text []byte) bool {
	for _, line := range otherArmour.FindAllSubmatch(text, -1) {
		if word := string(line[1]); word != "BEGIN" && word != "END" {
			return true
		}
	}
	return false
}
