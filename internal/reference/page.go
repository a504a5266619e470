package reference

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

//go:embed configuration.md.tmpl
var pageTemplate string

// Section is a directive, or a block that no other one has among its options. What
// is nested in it has sections of its own, named like paths.
type Section struct {
	// Name is what the template calls it, such as payermax_sign.
	Name  string
	Block *grammar.Table
	// Around are the lines that open the blocks around its options, from the
	// outermost: a site's address, or "" for the global options.
	Around []string
}

// Endpoint is a row of the page's last table.
type Endpoint struct {
	Name, Version string
	// Rules are the versions whose fields are validated.
	Rules                          []string
	DropIn, Repeatable, MovesMoney bool
}

// Page is the configuration reference.
type Page struct {
	Text     string
	Examples []Example
}

// Example is the example of one option, in a config that Caddy can adapt.
type Example struct {
	Option string
	// JSON are the names that the option has there.
	JSON      []string
	Caddyfile string
}

// Write returns the page about sections of the module whose source is in a folder.
// It is an error if there is an option or a field that the page lacks, or something
// on the page that does not exist.
func Write(root string, sections []Section, endpoints []Endpoint) (*Page, error) {
	return write(pageTemplate, root, sections, endpoints)
}

func write(text, root string, sections []Section, endpoints []Endpoint) (*Page, error) {
	w := &writer{
		source:   &source{root, make(map[string]map[string]comments)},
		sections: make(map[string]Section), jsonNames: make(map[string]string), told: make(map[string]bool),
		endpoints: endpoints, page: new(Page),
	}
	for _, s := range sections {
		w.addSection(s)
	}
	var err error
	w.template, err = template.New("configuration.md").Funcs(template.FuncMap{
		"doc": w.doc, "table": w.table, "options": w.options, "field": w.field, "endpoints": w.endpointTable,
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	var page strings.Builder
	if err := w.template.Execute(&page, nil); err != nil {
		return nil, err
	}
	if err := w.complete(); err != nil {
		return nil, err
	}
	w.page.Text = strings.TrimSpace(page.String()) + "\n"
	return w.page, nil
}

// writer writes the page, from its top to its end.
type writer struct {
	*source
	sections  map[string]Section
	jsonNames map[string]string // by those in Go
	endpoints []Endpoint
	template  *template.Template
	page      *Page
	told      map[string]bool // struct and field, struct and option, or note
}

// addSection adds a section and those that are nested in it.
func (w *writer) addSection(s Section) {
	w.sections[s.Name] = s
	for _, t := range structsIn(s.Block.Of) {
		for _, f := range jsonFields(t) {
			w.jsonNames[f.Name] = jsonName(f)
		}
	}
	for _, row := range s.Block.Rows {
		if row.Block != nil {
			opening, _, _ := strings.Cut(row.Example, " {\n")
			w.addSection(Section{s.Name + "/" + row.Name, row.Block, append(slices.Clone(s.Around), opening)})
		}
	}
}

// section returns the section of that name.
func (w *writer) section(name string) (Section, error) {
	s, ok := w.sections[name]
	if !ok {
		return s, fmt.Errorf("there is no section %s", name)
	}
	return s, nil
}

// doc returns the doc comment of what a section sets, with other words for its name
// at the beginning.
func (w *writer) doc(section, subject string) (string, error) {
	s, err := w.section(section)
	if err != nil {
		return "", err
	}
	read, err := w.of(s.Block.Of)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(read.doc, s.Block.Of.Name()+" ")
	if !ok {
		return "", fmt.Errorf("the comment of %s does not begin with its name", s.Block.Of.Name())
	}
	return w.markdown(subject + " " + text), nil
}

// rows returns the options of a section that were written for it, or for the struct
// of that name that is part of it.
func (w *writer) rows(section string, part []string) ([]grammar.Row, error) {
	s, err := w.section(section)
	if err != nil {
		return nil, err
	}
	of := s.Block.Of.Name()
	if len(part) > 0 {
		of = part[0]
	}
	rows := slices.DeleteFunc(slices.Clone(s.Block.Rows), func(row grammar.Row) bool { return row.Of.Name() != of })
	if len(rows) == 0 {
		return nil, fmt.Errorf("section %s has no options of %s", section, of)
	}
	return rows, nil
}

// table returns the table of a section's options.
func (w *writer) table(section string, part ...string) (string, error) {
	rows, err := w.rows(section, part)
	if err != nil {
		return "", err
	}
	var table strings.Builder
	table.WriteString("| option | in JSON | default | placeholders are expanded |\n| --- | --- | --- | --- |")
	for _, row := range rows {
		set, err := w.fieldsSet(row)
		if err != nil {
			return "", err
		}
		if len(set) == 0 {
			return "", fmt.Errorf("option %s sets nothing that has a name in JSON", row.Name)
		}
		var names, defaults []string
		for _, f := range set {
			names = append(names, "`"+f.json+"`")
			defaults = append(defaults, defaultOf(f))
		}
		expansion, err := w.expansion(row, set[0])
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&table, "\n| `%s` | %s | %s | %s |", row.Name, strings.Join(names, ", "), strings.Join(defaults, "; "), expansion)
	}
	return table.String(), nil
}

// fieldsSet describes the fields that an option sets. There is at least one, unless
// nothing of what the option is written for is in JSON.
func (w *writer) fieldsSet(row grammar.Row) ([]field, error) {
	if len(row.Fields) == 0 && len(jsonFields(row.Of)) > 0 {
		return nil, fmt.Errorf("option %s sets no field of %s", row.Name, row.Of.Name())
	}
	set := make([]field, len(row.Fields))
	for i, f := range row.Fields {
		var err error
		if set[i], err = w.fieldOf(row.Of, f); err != nil {
			return nil, fmt.Errorf("option %s: %w", row.Name, err)
		}
	}
	return set, nil
}

// expansion says when placeholders are expanded in what an option sets.
func (w *writer) expansion(row grammar.Row, first field) (string, error) {
	of := row.Of
	if row.ShortFor != "" { // for a key in a file
		s, err := w.section("key file")
		if err != nil {
			return "", err
		}
		of = s.Block.Of
		path, _ := of.FieldByName("Path")
		if first, err = w.fieldOf(of, path); err != nil {
			return "", err
		}
	}
	read, err := w.of(of)
	return expansionOf(first, read.doc), err
}

// options returns the heading, syntax, meaning and example of each of a section's
// options, and the template of its name, if there is one.
func (w *writer) options(section string, part ...string) (string, error) {
	rows, err := w.rows(section, part)
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

func (w *writer) option(s Section, row grammar.Row) (string, error) {
	set, err := w.fieldsSet(row)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(strings.Split(row.Example, "\n"), func(line string) bool { return strings.HasPrefix(line+" ", row.Name+" ") }) {
		return "", fmt.Errorf("the example of option %s does not show it", row.Name)
	}
	paragraphs := []string{"### `" + row.Name + "`", usage(row)}
	if row.ShortFor != "" {
		paragraphs = append(paragraphs, "Short for `"+row.ShortFor+"`.")
	} else {
		for _, f := range set {
			paragraphs = append(paragraphs, w.markdown(f.doc))
		}
	}
	if strings.Contains(row.Example, "\n") {
		paragraphs = append(paragraphs, "```\n"+row.Example+"\n```")
	}
	note, err := w.note(s.Name + "/" + row.Name)
	if err != nil {
		return "", err
	}
	if note != "" {
		paragraphs = append(paragraphs, note)
	}

	w.told[row.Of.String()+" "+row.Name] = true
	e := Example{Option: row.Name, Caddyfile: s.around(row.Example)}
	for _, f := range set {
		w.told[row.Of.String()+"."+f.name] = true
		e.JSON = append(e.JSON, f.json)
	}
	w.page.Examples = append(w.page.Examples, e)
	return strings.Join(paragraphs, "\n\n"), nil
}

// usage returns the syntax of an option, with its example if that fits into the
// line.
func usage(row grammar.Row) string {
	syntax := strings.TrimSpace(row.Name + " " + row.Args)
	if row.Block != nil {
		syntax += " { ... }"
	}
	switch {
	case syntax == row.Name:
		return "Takes no value."
	case syntax == row.Example, strings.Contains(row.Example, "\n"):
		return "`" + syntax + "`"
	default:
		return "`" + syntax + "`, such as `" + row.Example + "`"
	}
}

// note returns what the template adds to an option.
func (w *writer) note(name string) (string, error) {
	t := w.template.Lookup(name)
	if t == nil {
		return "", nil
	}
	w.told[name] = true
	var text strings.Builder
	err := t.Execute(&text, nil)
	return strings.TrimSpace(text.String()), err
}

// field returns the meaning of a field that only JSON, or another way than an
// option of its own, can set.
func (w *writer) field(section, name string) (string, error) {
	s, err := w.section(section)
	if err != nil {
		return "", err
	}
	f, ok := s.Block.Of.FieldByName(name)
	if !ok {
		return "", fmt.Errorf("there is no field %s.%s", s.Block.Of.Name(), name)
	}
	described, err := w.fieldOf(s.Block.Of, f)
	if err != nil {
		return "", err
	}
	w.told[s.Block.Of.String()+"."+name] = true
	return w.markdown(described.doc), nil
}

// around puts an option where it belongs.
func (s Section) around(example string) string {
	var config strings.Builder
	for depth, line := range s.Around {
		config.WriteString(strings.Repeat("\t", depth) + strings.TrimPrefix(line+" {\n", " "))
	}
	for line := range strings.SplitSeq(example, "\n") {
		config.WriteString(strings.Repeat("\t", len(s.Around)) + line + "\n")
	}
	for depth := range slices.Backward(s.Around) {
		config.WriteString(strings.Repeat("\t", depth) + "}\n")
	}
	return config.String()
}

// complete reports what the page lacks, or has too much.
func (w *writer) complete() error {
	var faults []string
	for name, s := range w.sections {
		seen := make(map[string]bool)
		for _, row := range s.Block.Rows {
			if seen[row.Name] {
				faults = append(faults, fmt.Sprintf("%s has two options %s", name, row.Name))
			}
			seen[row.Name] = true
			if !w.told[row.Of.String()+" "+row.Name] {
				faults = append(faults, fmt.Sprintf("the page lacks the option %s of %s", row.Name, name))
			}
		}
		for _, t := range structsIn(s.Block.Of) {
			for _, f := range jsonFields(t) {
				if full := t.String() + "." + f.Name; !w.told[full] {
					faults = append(faults, fmt.Sprintf("the page lacks %s, which no option sets", full))
				}
			}
		}
	}
	for _, t := range w.template.Templates() {
		if name := t.Name(); name != w.template.Name() && !w.told[name] {
			faults = append(faults, fmt.Sprintf("there is no option %s; take it out of the page", name))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return errors.New(strings.Join(slices.Compact(faults), "\n"))
}

// endpointTable returns the table of endpoints.
func (w *writer) endpointTable() string {
	yes := map[bool]string{true: "yes"}
	table := "| endpoint | version | fields validated in | `drop_in` | repeatable | moves money |\n| --- | --- | --- | --- | --- | --- |"
	for _, e := range w.endpoints {
		table += fmt.Sprintf("\n| `%s` | %s | %s | %s | %s | %s |",
			e.Name, e.Version, strings.Join(e.Rules, ", "), yes[e.DropIn], yes[e.Repeatable], yes[e.MovesMoney])
	}
	return table
}
