package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// addition lists what a module of this repository adds if it is built in.
type addition struct {
	name    string // its directory
	modules []*module
}

// writePage returns docs/licences.md: the linked modules, those among them that Caddy alone does
// not link, and the modules that each addition brings.
func writePage(linked, beyondCaddy []*module, added []addition) []byte {
	var beyond []string
	for _, m := range beyondCaddy {
		beyond = append(beyond, "`"+m.path+"`")
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, `# Licences

The modules that are linked into the binary that CI builds, for Linux and without cgo, and the licences in their files. A program
writes this page: see [Supply chain](supply-chain.md#licences).

caddy-payermax itself is under [Apache 2.0](../LICENSE). Everything else has a permissive licence; there is no copyleft.
Caddy with its standard modules links all of these except: %s.

| licence | modules |
| --- | --- |
`, strings.Join(beyond, ", "))
	count := make(map[string]int)
	for _, m := range linked {
		count[m.licence.expression()]++
	}
	for _, expression := range slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], strings.Compare(a, b))
	}) {
		fmt.Fprintf(&page, "| %s | %d |\n", expression, count[expression])
	}
	fmt.Fprint(&page, "\n## In the binary\n\n")
	writeTable(&page, linked)
	for _, by := range added {
		if len(by.modules) == 0 {
			continue
		}
		fmt.Fprintf(&page, "\n## With %[1]s\n\nThese are added if [%[1]s](../%[1]s/README.md) is built in:\n\n", by.name)
		writeTable(&page, by.modules)
	}
	return page.Bytes()
}

func writeTable(page *bytes.Buffer, modules []*module) {
	fmt.Fprint(page, "| module | version | licence | files |\n| --- | --- | --- | --- |\n")
	for _, m := range modules {
		path, version := m.path, m.version
		if path == standardLibrary {
			path, version = "Go's runtime and standard library", "of the build"
		}
		fmt.Fprintf(page, "| %s | %s | %s | %s |\n", path, version, m.licence.expression(), strings.Join(slices.Concat(m.licence.files, m.licence.notices), ", "))
	}
}
