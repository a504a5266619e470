package reference

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

//go:embed configuration.md.tmpl
var pageTemplate string

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

// Write returns the page about the module whose source is in a folder. It is an
// error if there is an option that the page lacks or the other way round, or a
// field that no option sets and the page does not mention.
func Write(folder string, endpoints []Endpoint) (*Page, error) {
	read, err := readSource(folder)
	if err != nil {
		return nil, err
	}
	w := &writer{source: read, parsers: read.options(), endpoints: endpoints, told: make(map[string]bool), page: new(Page)}
	t, err := template.New("configuration.md").Funcs(template.FuncMap{
		"doc": w.doc, "about": w.about, "table": w.table, "option": w.option, "field": w.field, "endpoints": w.endpointTable,
	}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := t.Execute(&text, nil); err != nil {
		return nil, err
	}
	if err := w.complete(); err != nil {
		return nil, err
	}
	w.page.Text = text.String()
	return w.page, nil
}

// writer writes the page, from its top to its end.
type writer struct {
	*source
	parsers   map[string][]option
	endpoints []Endpoint
	page      *Page

	// What the options at hand are about; see the method.
	parser, ofName, grammar string
	of                      *structure
	around                  []string

	told map[string]bool // parser and option, or type and field
}

// doc returns the doc comment of a type, with other words for its name at the
// beginning.
func (w *writer) doc(name, subject string) (string, error) {
	t := w.structs[name]
	if t == nil || !strings.HasPrefix(t.doc, name+" ") {
		return "", fmt.Errorf("there is no struct %s, or its comment does not begin with its name", name)
	}
	return w.markdown(subject + strings.TrimPrefix(t.doc, name)), nil
}

// about begins with the options of a parser, which sets the fields of a struct
// (none if it is ""). Around them in the Caddyfile are a directive and blocks, such
// as "payermax_sign/limits", or a global option, such as "/payermax_landlock". Their
// syntax is in the comment of a function.
func (w *writer) about(parser, structName, around, grammar string) (string, error) {
	if w.parsers[parser] == nil {
		return "", fmt.Errorf("%s knows no options", parser)
	}
	w.parser, w.of, w.ofName, w.around, w.grammar = parser, w.structs[structName], structName, strings.Split(around, "/"), grammar
	return "", nil
}

// table returns the table of a parser's options.
func (w *writer) table(parser, structName string) (string, error) {
	of, keyFile := w.structs[structName], w.structs["KeyFile"]
	path, ok := keyFile.field("Path")
	if of == nil || !ok {
		return "", fmt.Errorf("there is no struct %s, or no KeyFile.Path", structName)
	}
	var table strings.Builder
	table.WriteString("| option | in JSON | default | placeholders are expanded |\n| --- | --- | --- | --- |")
	for _, o := range w.parsers[parser] {
		set := w.fieldsSet(o, of)
		if len(set) == 0 {
			return "", fmt.Errorf("%s: option %s sets no field of %s", parser, o.name, structName)
		}
		var names, defaults []string
		for _, f := range set {
			names = append(names, "`"+f.json+"`")
			defaults = append(defaults, defaultOf(f))
		}
		expansion := expansionOf(set[0], of)
		if o.isKeyFile() {
			expansion = expansionOf(path, keyFile)
		}
		fmt.Fprintf(&table, "\n| `%s` | %s | %s | %s |", o.name, strings.Join(names, ", "), strings.Join(defaults, "; "), expansion)
	}
	return table.String(), nil
}

// option returns the heading, syntax, meaning and example of an option.
func (w *writer) option(name, example string) (string, error) {
	known := w.parsers[w.parser]
	i := slices.IndexFunc(known, func(o option) bool { return o.name == name })
	if i < 0 {
		return "", fmt.Errorf("%s has no option %s; take it out of the page", w.parser, name)
	}
	w.told[w.parser+" "+name] = true
	syntax, err := w.syntax(w.grammar, name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "### `%s`\n\n", name)
	isLong := strings.Contains(example, "\n")
	switch {
	case syntax == name:
		text.WriteString("Takes no value.")
	case isLong, syntax == example:
		fmt.Fprintf(&text, "`%s`", syntax)
	default:
		fmt.Fprintf(&text, "`%s`, such as `%s`", syntax, example)
	}
	set := w.fieldsSet(known[i], w.of)
	if known[i].isKeyFile() {
		fmt.Fprintf(&text, "\n\nShort for `%s file <path>`.", set[0].json)
	} else {
		for _, f := range set {
			fmt.Fprintf(&text, "\n\n%s", w.markdown(f.doc))
		}
	}
	if isLong {
		fmt.Fprintf(&text, "\n\n```\n%s\n```", example)
	}

	e := Example{Option: name, Caddyfile: w.inConfig(example)}
	for _, f := range set {
		w.told[w.ofName+"."+f.name] = true
		e.JSON = append(e.JSON, f.json)
	}
	w.page.Examples = append(w.page.Examples, e)
	return text.String(), nil
}

// field returns the meaning of a field that only JSON, or another way than an
// option of its own, can set.
func (w *writer) field(structName, name string) (string, error) {
	f, ok := w.structs[structName].field(name)
	if !ok {
		return "", fmt.Errorf("there is no field %s.%s", structName, name)
	}
	w.told[structName+"."+name] = true
	return w.markdown(f.doc), nil
}

// inConfig puts an option where it belongs.
func (w *writer) inConfig(example string) string {
	lines := w.around
	if lines[0] != "" { // which is the block of the global options
		lines = append([]string{":8080"}, lines...)
	}
	var config strings.Builder
	for depth, line := range lines {
		config.WriteString(strings.Repeat("\t", depth) + strings.TrimPrefix(line+" {\n", " "))
	}
	for line := range strings.SplitSeq(example, "\n") {
		config.WriteString(strings.Repeat("\t", len(lines)) + line + "\n")
	}
	for depth := range slices.Backward(lines) {
		config.WriteString(strings.Repeat("\t", depth) + "}\n")
	}
	return config.String()
}

// complete reports what the page lacks.
func (w *writer) complete() error {
	for parser, options := range w.parsers {
		for _, o := range options {
			if !w.told[parser+" "+o.name] {
				return fmt.Errorf("the page lacks the option %s of %s", o.name, parser)
			}
		}
	}
	for name, t := range w.structs {
		for _, f := range t.fields {
			if full := name + "." + f.name; !w.told[full] {
				return fmt.Errorf("the page lacks %s, which no option sets", full)
			}
		}
	}
	return nil
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
