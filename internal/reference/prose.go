package reference

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// pageWidth is the maximum length of the documentation's lines.
const pageWidth = 130

// goNames matches the links of a doc comment, such as [KeySource].
var goNames = regexp.MustCompile(`\[([A-Za-z.]+)\]`)

// markdown converts a doc comment, written for Caddy's documentation, to the Markdown of
// the page. Names of Go fields become their names in JSON.
func (w *writer) markdown(comment string) string {
	comment = goNames.ReplaceAllString(comment, "`$1`")
	for path, inJSON := range w.jsonFields() {
		name := path[strings.LastIndex(path, ".")+1:]
		if strings.ToLower(name[1:]) != name[1:] { // otherwise it might be an ordinary word
			comment = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(comment, "`"+inJSON+"`")
		}
	}
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(comment), "\n\n") {
		paragraphs = append(paragraphs, reflow(paragraph))
	}
	return strings.Join(paragraphs, "\n\n")
}

// reflow wraps a paragraph to the width of the page. Tables stay as they are, and list
// items begin on new lines.
func reflow(paragraph string) string {
	if strings.Contains(paragraph, "--|--") {
		return paragraph
	}
	var lines []string
	for line := range strings.Lines(paragraph) {
		line = strings.TrimSpace(line)
		for word := range strings.FieldsSeq(line) {
			last := len(lines) - 1
			begins := last < 0 || word == "-" && strings.HasPrefix(line, "- ")
			switch {
			case begins:
				lines = append(lines, word)
			case utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) <= pageWidth:
				lines[last] += " " + word
			case strings.HasPrefix(lines[last], "- "), strings.HasPrefix(lines[last], "  "):
				lines = append(lines, "  "+word)
			default:
				lines = append(lines, word)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// The ways in which doc comments state a default.
var (
	defaultIs  = regexp.MustCompile(`Default: (.+?)\.(?: |$)`)
	byDefault  = regexp.MustCompile(`By default (.+?)\.(?: |$)`)
	required   = regexp.MustCompile(`(?i)\brequired\b`)
	ownDefault = regexp.MustCompile(`Each endpoint has a default`)
)

// defaultOf returns the default that a field's doc comment states.
func defaultOf(f field) string {
	comment := strings.Join(strings.Fields(f.doc), " ")
	if found := defaultIs.FindStringSubmatch(comment); found != nil {
		return found[1]
	}
	if found := byDefault.FindStringSubmatch(comment); found != nil {
		return found[1]
	}
	switch {
	case required.MatchString(comment):
		return "required"
	case ownDefault.MatchString(comment):
		return "the endpoint's own"
	default:
		return "none"
	}
}

// expansionOf returns when placeholders in a field are expanded, according to its doc
// comment or that of its struct.
func expansionOf(f field, ofStruct string) string {
	comment := strings.Join(strings.Fields(f.doc), " ")
	ofAll := strings.Join(strings.Fields(ofStruct), " ")
	switch {
	case f.guest:
		return "by the module that it names"
	case f.nested:
		return "see its options"
	case strings.Contains(comment, "Placeholders are expanded when the config is loaded"),
		strings.Contains(ofAll, "Placeholders in its values are expanded when the config is loaded"):
		return "when the config is loaded"
	case strings.Contains(comment, "Placeholders are expanded whenever the keys are loaded"):
		return "whenever the keys are loaded"
	case strings.Contains(comment, "placeholder"):
		return "for each request"
	default:
		return "no"
	}
}
