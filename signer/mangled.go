package signer

import (
	"bytes"
	"html"
	"io"
	"mime/quotedprintable"
	"regexp"
	"strconv"
)

// manglings are the ways in which mail, web pages and terminals change a text. Each is
// recognised by something that no key contains, and is undone if there is exactly one way
// to undo it. Otherwise, undo returns nil, and the text is refused as it is.
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
	// caretBreak matches a carriage return as terminals show it, at the end of a line.
	caretBreak = regexp.MustCompile(`\^M[ \t]*(?:\r?\n|\z)`)
	// htmlBreak matches a line break of HTML, with the line break of the text after it.
	htmlBreak = regexp.MustCompile(`<br ?/?>(?:\r?\n)?`)
	// lineNumber matches a line number as cat -n, grep -n and editors write it.
	lineNumber = regexp.MustCompile(`^[ \t]*([0-9]+)(?:[ \t]*[:.|)\x{2502}]|[ \t]|\r?$)[ \t]*`)
	// quotedBegin matches a BEGIN line after a mark such as patches, mail or tables have
	// at the beginning of a line.
	quotedBegin = regexp.MustCompile(`(?m)^([ \t]*[+>|][+>| \t]*)-----BEGIN`)
	// wideArmour matches a BEGIN or END line with too much space between or after its words.
	wideArmour = regexp.MustCompile(`-----(?:BEGIN|END)(?: [A-Z0-9]+)*(?:[ \t]{2,}[A-Z0-9][A-Z0-9 \t]*|[ \t]+)-----`)
	// otherArmour matches a line that looks like a BEGIN or END line, but may begin with
	// another word, which it captures.
	otherArmour = regexp.MustCompile(`(?m)^[ \t]*-----[ \t]*([A-Z0-9]+)(?:[ \t][A-Z0-9 \t]*)?-----[ \t]*\r?$`)
)

// unmangled undoes the manglings of a text.
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

// oneSpace reduces the white space in a BEGIN or END line to one space between the words,
// and none before the hyphens at its end.
func oneSpace(line []byte) []byte {
	return bytes.Replace(bytes.Join(bytes.Fields(line), []byte(" ")), []byte(" -----"), []byte("-----"), 1)
}

// withoutNumbers removes line numbers, if the lines of the block are numbered
// consecutively.
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

// withoutMarks removes the mark before the BEGIN line from each line of the block. It
// returns nil if a line does not have the same mark, as in a patch that also removes
// lines: then it is unclear which lines are meant.
func withoutMarks(text []byte) []byte {
	mark := quotedBegin.FindSubmatch(text)[1]
	return eachLineOfBlock(text, func(line []byte) ([]byte, bool) {
		if len(bytes.TrimSpace(line)) > 0 && bytes.HasPrefix(mark, bytes.TrimRight(line, "\r")) { // an empty line of the block, with the mark cut short
			return nil, true
		}
		return bytes.CutPrefix(line, mark)
	})
}

// eachLineOfBlock applies change to the lines from the BEGIN to the END line, and to those
// after it. It returns nil if change fails for a line of the block, or if there is no
// complete block.
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

// isMisspelt reports whether a text has a line that looks like a BEGIN or END line, but
// begins with another word.
func isMisspelt(text []byte) bool {
	for _, line := range otherArmour.FindAllSubmatch(text, -1) {
		if word := string(line[1]); word != "BEGIN" && word != "END" {
			return true
		}
	}
	return false
}
