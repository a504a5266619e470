package diagnosis

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// The bounds of a search.
const (
	// maxWork is how many bytes of candidates are generated and hashed, each candidate with
	// a surcharge for its fixed cost. That takes a quarter to half a second.
	maxWork   = 32 << 20
	surcharge = 128
	// maxTakenApart is the length of the longest body that is parsed, in bytes. PayerMax's
	// bodies have a few hundred.
	maxTakenApart = 64 << 10
)

// candidates are bodies that may have been signed instead of the one at hand, each with
// the finding that a match would prove.
type candidates = iter.Seq2[Finding, []byte]

// suspects are the usual mistakes, the cheapest to try first.
var suspects = []func(body []byte) candidates{ends, placeholders, encodings, characterSets, rewritten, dataTwice, dataOnce, named, webSignatures, canonicalTexts, reordered, restamped}

// search finds the signed body among those that the usual mistakes would produce from
// this one. Hashing is enough, since the signature reveals its digest.
func search(s signed, body []byte) Finding {
	if finding, ok := s.amongSuspects(body); ok {
		return finding
	}
	if finding, ok := s.isCut(body); ok {
		return finding
	}
	if finding, ok := s.isRestamped(body); ok {
		return finding
	}
	advice := "The signature was made with the right key, but covers other bytes than this body, and no known change to the body produces them."
	if s.digest != nil {
		advice += fmt.Sprintf(" They have the %s digest %s: log the length and the digest of the bytes where they are signed, and compare.", hashName(s.hash), hex.EncodeToString(s.digest))
	}
	if bytes.Contains(body, []byte("\ufffd")) {
		advice += " This body has the replacement character U+FFFD, which programs write in place of bytes that they cannot read as UTF-8: those bytes are lost, and nothing can restore them from this body. Take the body as bytes, before any program reads it as text."
	}
	return Finding{OtherBytes, advice + " If this body was copied from a log or a debugger, capture it on the wire instead."}
}

// amongSuspects tries the usual mistakes until one fits or maxWork is exceeded.
func (s signed) amongSuspects(body []byte) (Finding, bool) {
	work := 0
	for _, suspect := range suspects {
		for finding, candidate := range suspect(body) {
			if s.covers(candidate) {
				return finding, true
			}
			if work += len(candidate) + surcharge; work > maxWork {
				return Finding{}, false
			}
		}
	}
	return Finding{}, false
}

// hashName returns the name of a hash, or "unknown".
func hashName(h crypto.Hash) string {
	if h == 0 {
		return "unknown"
	}
	return h.String()
}

// isCut tries every prefix of the body, which costs hardly more than hashing it once.
func (s signed) isCut(body []byte) (Finding, bool) {
	if s.hash == 0 || len(body) > maxTakenApart {
		return Finding{}, false
	}
	h := s.hash.New()
	digest := make([]byte, 0, s.hash.Size())
	for i := range body {
		if digest = h.Sum(digest[:0]); s.coversDigest(digest) {
			return Finding{BodyCut, fmt.Sprintf("Only the first %d of the %d bytes were signed. Count bytes, not characters, and read the complete body.", i, len(body))}, true
		}
		h.Write(body[i : i+1])
	}
	return Finding{}, false
}

// byteOrderMark is the byte order mark of UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// exactBytes is the rule that most mistakes break.
const exactBytes = " Sign exactly the bytes that are sent, and verify exactly the bytes that were received."

// ends yields the bodies that editors, shells and text-mode transfers produce: with other
// line breaks, inside and at the end, a byte order mark, or white space.
func ends(body []byte) candidates {
	mark := []byte(byteOrderMark)
	bare := bytes.TrimPrefix(body, mark)
	marks := []variant{
		{nil, "", ""},
		{mark, ByteOrderMark, "with a UTF-8 byte order mark in front of it"},
	}
	if len(bare) < len(body) {
		marks = []variant{{mark, "", ""}, {nil, ByteOrderMark, "without the byte order mark in front of it"}}
	}

	text := bytes.TrimRight(bare, "\r\n")
	end := bare[len(text):]
	unix := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	texts := []variant{
		{text, "", ""},
		{unix, LineEndings, "with LF line endings"},
		{bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n")), LineEndings, "with CRLF line endings"},
		{bytes.ReplaceAll(unix, []byte("\n"), []byte("\r")), LineEndings, "with CR line endings"},
	}
	endings := []variant{
		{end, "", ""},
		{nil, TrailingNewline, "without the line break at its end"},
		{[]byte("\n"), TrailingNewline, "with a line feed at its end, which echo and editors add"},
		{[]byte("\r\n"), TrailingNewline, "with CRLF at its end"},
		{[]byte("\n\n"), TrailingNewline, "with two line feeds at its end"},
		{[]byte("\r\n\r\n"), TrailingNewline, "with CRLF twice at its end"},
		{[]byte("\r"), TrailingNewline, "with a carriage return at its end"},
	}
	return func(yield func(Finding, []byte) bool) {
		for _, mark := range marks {
			for _, text := range texts {
				for _, ending := range endings {
					finding := describeVariants(mark, text, ending)
					if !yield(finding, slices.Concat(mark.bytes, text.bytes, ending.bytes)) {
						return
					}
				}
			}
		}
		joined := bytes.ReplaceAll(unix, []byte("\n"), nil)
		if len(joined) < len(unix) && !yield(Finding{LineEndings, "The signature covers this body with its lines joined, as a loop over readLine joins them." + exactBytes}, joined) {
			return
		}
		if !yield(Finding{WhiteSpace, "The signature covers this body without the white space around it." + exactBytes}, bytes.TrimSpace(bare)) ||
			!yield(Finding{WhiteSpace, "The signature covers this body without the NUL at its end, which ends a text in C or fills a buffer." + exactBytes}, bytes.TrimRight(body, "\x00")) ||
			!yield(Finding{WhiteSpace, "The signature covers this body without any white space, even in texts, as replaceAll(\"\\\\s\", \"\") leaves it." + exactBytes}, withoutSpace(body)) {
			return
		}
		for _, what := range []struct{ text, name string }{{" ", "a space"}, {"\t", "a tab"}, {"\x00", "a NUL"}, {"\u00a0", "a no-break space"}, {"\u200b", "a zero-width space"}} {
			around := []byte(what.text)
			for _, spaced := range [][]byte{slices.Concat(body, around), slices.Concat(around, body), slices.Concat(around, body, around)} {
				if !yield(Finding{WhiteSpace, "The signature covers this body with " + what.name + " in front of it or behind it." + exactBytes}, spaced) {
					return
				}
			}
		}
	}
}

// withoutSpace returns a text without the characters that \s matches in a regular expression.
func withoutSpace(text []byte) []byte {
	return slices.DeleteFunc(slices.Clone(text), func(b byte) bool { return strings.IndexByte(" \t\n\v\f\r", b) >= 0 })
}

// variant is a part of a body in one of its forms; without a cause it is unchanged.
type variant struct {
	bytes []byte
	cause Cause
	words string
}

// describeVariants describes the differences. The cause is the last one: a line break at
// the end is the most conspicuous.
func describeVariants(variants ...variant) Finding {
	finding := Finding{Advice: "The signature covers this body"}
	separator := " "
	for _, v := range variants {
		if v.cause == "" {
			continue
		}
		finding.Cause = v.cause
		finding.Advice += separator + v.words
		separator = " and "
	}
	finding.Advice += "." + exactBytes
	return finding
}

// placeholders yields what programs sign when they have no body, or no longer have it.
func placeholders([]byte) candidates {
	return func(yield func(Finding, []byte) bool) {
		for _, text := range []string{"", "null", "undefined", "[object Object]", "{}", "[]", "Array", "None", "\n", `""`} {
			what := "nothing"
			if text != "" {
				what = fmt.Sprintf("%q", text)
			}
			finding := Finding{NoBody, "The signature covers " + what + ", not the body: it was signed before there was a body, or after its stream had been read. Read the body into memory once, and sign those bytes."}
			if !yield(finding, []byte(text)) {
				return
			}
		}
	}
}
