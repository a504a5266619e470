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

// Section is a directive, or a block that is not an option of another one. Blocks that
// are options become sections of their own, named like paths: payermax_sign/limits.
type Section struct {
	// Name is the section's name in the template, such as payermax_sign.
	Name  string
	Block *grammar.Table
	// Around are the words before each of the braces around the options, from the outermost:
	// a site's address, or "" for the global options.
	Around []string
}

// Endpoint is a row of the page's last table.
type Endpoint struct {
	Name, Version string
	// Rules are the versions in which fields are validated.
	Rules                          []string
	DropIn, Repeatable, MovesMoney bool
}

// Page is the configuration reference.
type Page struct {
	Text     string
	Examples []Example
}

// Example is the example of an option, in a config that Caddy can adapt.
type Example struct {
	Option string
	// JSON are the names of the option's fields in JSON.
	JSON      []string
	Caddyfile string
}

// Write returns the page about sections of the module whose source is in the directory
// root. It returns an error if the page lacks an option or a field, or has something that
// does not exist.
func Write(root string, sections []Section, endpoints []Endpoint) (*Page, error) {
	return write(pageTemplate, root, sections, endpoints)
}

func write(text, root string, sections []Section, endpoints []Endpoint) (*Page, error) {
	w := &writer{
		source:   source{root, make(map[string]map[string]comments)},
		sections: make(map[string]Section), told: make(map[string]bool), page: new(Page),
	}
	for _, s := range sections {
		w.add(s)
	}
	var err error
	w.template, err = template.New("configuration.md").Funcs(template.FuncMap{
		"doc": w.doc, "table": w.table, "options": w.options, "field": w.field,
		"endpoints": func() string { return endpointTable(endpoints) },
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	var page strings.Builder
	if err := w.template.Execute(&page, nil); err != nil {
		return nil, err
	}
	if faults := w.faults(); len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "\n"))
	}
	w.page.Text = page.String()
	return w.page, nil
}

// writer writes the page.
type writer struct {
	source
	sections map[string]Section
	template *template.Template
	page     *Page
	told     map[string]bool // struct and field, struct and option, or the name of a template
}

// add adds a section and its nested sections.
func (w *writer) add(s Section) {
	w.sections[s.Name] = s
	for _, row := range s.Block.Rows {
		if row.Block != nil {
			words, _, _ := strings.Cut(row.Example, " {\n")
			w.add(Section{s.Name + "/" + row.Name, row.Block, append(slices.Clone(s.Around), words)})
		}
	}
}

// section returns the named section.
func (w *writer) section(name string) (Section, error) {
	s, ok := w.sections[name]
	if !ok {
		return s, fmt.Errorf("there is no section %s", name)
	}
	return s, nil
}

// doc returns the doc comment of a section's struct, with subject instead of its name at
// the beginning.
func (w *writer) doc(section, subject string) (string, error) {
	s, err := w.section(section)
	if err != nil {
		return "", err
	}
	said, err := w.commentsOn(s.Block.Of)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(said.doc, s.Block.Of.Name()+" ")
	if !ok {
		return "", fmt.Errorf("the comment of %s does not begin with its name", s.Block.Of.Name())
	}
	return w.markdown(subject + " " + text), nil
}

// field returns an item of a list: a field that has no option of its own, such as one
// that only JSON can set.
func (w *writer) field(section, name string) (string, error) {
	s, err := w.section(section)
	if err != nil {
		return "", err
	}
	f, ok := s.Block.Of.FieldByName(name)
	if !ok {
		return "", fmt.Errorf("there is no field %s.%s", s.Block.Of.Name(), name)
	}
	w.told[s.Block.Of.String()+"."+name] = true
	described, err := w.describe(s.Block.Of, f)
	return w.item(described), err
}

// item returns the meaning of a field as an item of a list, after its name in JSON.
func (w *writer) item(f field) string {
	return w.markdown("- `" + f.json + "`: " + f.doc)
}

// faults lists what is missing from the page, and what it has that does not exist.
func (w *writer) faults() []string {
	var faults []string
	for name, s := range w.sections {
		seen := make(map[string]bool)
		for _, row := range s.Block.Rows {
			if seen[row.Name] {
				faults = append(faults, fmt.Sprintf("%s has two options %s", name, row.Name))
			}
			if seen[row.Name] = true; !w.told[row.Of.String()+" "+row.Name] {
				faults = append(faults, fmt.Sprintf("the page lacks the option %s of %s", row.Name, name))
			}
		}
	}
	for field := range w.jsonFields() {
		if !w.told[field] {
			faults = append(faults, fmt.Sprintf("the page lacks %s, which no option sets", field))
		}
	}
	for _, t := range w.template.Templates() {
		if name := t.Name(); name != w.template.Name() && !w.told[name] {
			faults = append(faults, fmt.Sprintf("there is no option %s; take it out of the page", name))
		}
	}
	slices.Sort(faults)
	return faults
}

// endpointTable returns the table of endpoints.
func endpointTable(endpoints []Endpoint) string {
	yes := map[bool]string{true: "yes"}
	table := "| endpoint | version | fields validated in | `drop_in` | repeatable | moves money |\n| --- | --- | --- | --- | --- | --- |"
	for _, e := range endpoints {
		table += fmt.Sprintf("\n| `%s` | %s | %s | %s | %s | %s |",
			e.Name, e.Version, strings.Join(e.Rules, ", "), yes[e.DropIn], yes[e.Repeatable], yes[e.MovesMoney])
	}
	return table
}
