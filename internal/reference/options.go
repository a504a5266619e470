package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// table returns the table of a section's options: those of its own struct, or of the
// named embedded struct.
func (w *writer) table(section string, embedded ...string) (string, error) {
	rows, err := w.rows(section, embedded)
	if err != nil {
		return "", err
	}
	table := "| option | in JSON | default | placeholders are expanded |\n| --- | --- | --- | --- |"
	for _, row := range rows {
		set, err := w.fieldsSet(row)
		if err != nil {
			return "", err
		}
		expansion, err := w.expansion(row)
		if err != nil {
			return "", err
		}
		var names, defaults []string
		for _, f := range set {
			names = append(names, "`"+f.json+"`")
			defaults = append(defaults, defaultOf(f))
		}
		table += fmt.Sprintf("\n| `%s` | %s | %s | %s |", row.Name, strings.Join(names, ", "), strings.Join(defaults, "; "), expansion)
	}
	return table, nil
}

// options returns the text about each of the options that table would list.
func (w *writer) options(section string, embedded ...string) (string, error) {
	rows, err := w.rows(section, embedded)
	if err != nil {
		return "", err
	}
	texts := make([]string, len(rows))
	for i, row := range rows {
		if texts[i], err = w.option(w.sections[section], row); err != nil {
			return "", err
		}
	}
	return strings.Join(texts, "\n\n"), nil
}

// option returns the heading, syntax, meaning and example of an option, and the text that
// the template adds.
func (w *writer) option(s Section, row grammar.Row) (string, error) {
	set, err := w.fieldsSet(row)
	if err != nil {
		return "", err
	}
	lines := strings.Split(row.Example, "\n")
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line+" ", row.Name+" ") }) {
		return "", fmt.Errorf("the example of option %s does not show it", row.Name)
	}
	w.told[row.Of.String()+" "+row.Name] = true

	paragraphs := []string{"### `" + row.Name + "`", syntax(row)}
	example := Example{Option: row.Name, Caddyfile: s.around(lines)}
	for i, f := range set {
		w.told[row.Of.String()+"."+row.Fields[i].Name] = true
		example.JSON = append(example.JSON, f.json)
		switch {
		case row.ShortFor != "":
		case len(set) > 1: // otherwise nobody could tell which of them a sentence is about
			paragraphs = append(paragraphs, w.item(f))
		default:
			paragraphs = append(paragraphs, w.markdown(f.doc))
		}
	}
	w.page.Examples = append(w.page.Examples, example)
	if row.Within != nil {
		paragraphs = append(paragraphs, fmt.Sprintf("Possible values: %v.", row.Within))
	}
	if row.ShortFor != "" {
		paragraphs = append(paragraphs, "Short for `"+row.ShortFor+"`.")
	}
	if len(lines) > 1 {
		paragraphs = append(paragraphs, "```\n"+row.Example+"\n```")
	}
	if addition := w.template.Lookup(s.Name + "/" + row.Name); addition != nil {
		w.told[addition.Name()] = true
		var text strings.Builder
		if err := addition.Execute(&text, nil); err != nil {
			return "", err
		}
		paragraphs = append(paragraphs, strings.TrimSpace(text.String()))
	}
	return strings.Join(paragraphs, "\n\n"), nil
}

// rows returns the options of a section that set fields of its own struct, or of the
// named embedded struct.
func (w *writer) rows(section string, embedded []string) ([]grammar.Row, error) {
	s, err := w.section(section)
	if err != nil {
		return nil, err
	}
	of := s.Block.Of.Name()
	if len(embedded) > 0 {
		of = embedded[0]
	}
	rows := slices.DeleteFunc(slices.Clone(s.Block.Rows), func(row grammar.Row) bool { return row.Of.Name() != of })
	if len(rows) == 0 {
		return nil, fmt.Errorf("section %s has no options of %s", section, of)
	}
	return rows, nil
}

// fieldsSet describes the fields that an option sets. It returns an error if there are
// none, although the option's struct has fields in JSON.
func (w *writer) fieldsSet(row grammar.Row) ([]field, error) {
	if len(row.Fields) == 0 && len(jsonFieldsOf(row.Of)) > 0 {
		return nil, fmt.Errorf("option %s sets no field of %s", row.Name, row.Of.Name())
	}
	set := make([]field, len(row.Fields))
	for i, f := range row.Fields {
		var err error
		if set[i], err = w.describe(row.Of, f); err != nil {
			return nil, fmt.Errorf("option %s: %w", row.Name, err)
		}
	}
	return set, nil
}

// expansion says when placeholders in the fields that an option sets are expanded.
// Options that are short for others name the file of a key.
func (w *writer) expansion(row grammar.Row) (string, error) {
	of, f := row.Of, row.Fields[0]
	if row.ShortFor != "" {
		s, err := w.section("key file")
		if err != nil {
			return "", err
		}
		of = s.Block.Of
		f, _ = of.FieldByName("Path")
	}
	described, err := w.describe(of, f)
	if err != nil {
		return "", err
	}
	said, err := w.commentsOn(of)
	return expansionOf(described, said.doc), err
}

// syntax returns the syntax of an option, with its example if that fits on the line.
func syntax(row grammar.Row) string {
	line := strings.TrimSpace(row.Name + " " + row.Args)
	if row.Block != nil {
		line += " { ... }"
	}
	switch {
	case line == row.Name:
		return "Takes no value."
	case line == row.Example, strings.Contains(row.Example, "\n"):
		return "`" + line + "`"
	default:
		return "`" + line + "`, such as `" + row.Example + "`"
	}
}

// around returns an example's lines inside the blocks that they belong in.
func (s Section) around(lines []string) string {
	var config strings.Builder
	for depth, words := range s.Around {
		config.WriteString(strings.Repeat("\t", depth) + strings.TrimPrefix(words+" {\n", " "))
	}
	for _, line := range lines {
		config.WriteString(strings.Repeat("\t", len(s.Around)) + line + "\n")
	}
	for depth := range slices.Backward(s.Around) {
		config.WriteString(strings.Repeat("\t", depth) + "}\n")
	}
	return config.String()
}
