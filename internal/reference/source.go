// Package reference writes docs/configuration.md, from the module's own source:
// which options there are, from the parsers of the Caddyfile; what each means,
// from the doc comments of the fields that they set. So the page, the grammar and
// the doc comments cannot say different things.
//
// What is written by hand, the order, the introductions and the examples, is in
// configuration.md.tmpl.
package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// source is what the Go files of one package say of its configuration.
type source struct {
	structs   map[string]*structure
	functions map[string]*ast.FuncDecl // by name, methods as Type.name
}

// structure is an exported struct, whose fields with a JSON name are configuration.
type structure struct {
	doc    string
	fields []field
}

// field is an exported field that has a JSON name.
type field struct {
	name string // in Go
	json string
	doc  string
	// guest says that the value is a module of Caddy's, chosen by its name.
	guest bool
	// nested says that the value has options of its own.
	nested bool
}

// field returns the field of that name.
func (s *structure) field(name string) (field, bool) {
	if s == nil {
		return field{}, false
	}
	i := slices.IndexFunc(s.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return s.fields[i], true
}

// readSource reads the Go files of a folder, but not its tests.
func readSource(folder string) (*source, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	read := &source{structs: make(map[string]*structure), functions: make(map[string]*ast.FuncDecl)}
	var unread []*ast.TypeSpec
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				read.functions[functionName(d)] = d
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						t.Doc = d.Doc // the comment stands before the word type
						unread = append(unread, t)
					}
				}
			}
		}
	}
	if len(read.functions) == 0 {
		return nil, fmt.Errorf("there is no Go in %s", folder)
	}
	for _, spec := range unread {
		if t, ok := spec.Type.(*ast.StructType); ok && spec.Name.IsExported() {
			read.structs[spec.Name.Name] = &structure{spec.Doc.Text(), fieldsOf(t)}
		}
	}
	return read, nil
}

// fieldsOf lists the fields of a struct that JSON can set, without those of what
// is embedded.
func fieldsOf(t *ast.StructType) []field {
	var fields []field
	for _, f := range t.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 || !f.Names[0].IsExported() {
			continue
		}
		text, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			continue // the compiler would not take it
		}
		tag := reflect.StructTag(text)
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		_, guest := tag.Lookup("caddy")
		fields = append(fields, field{
			name: f.Names[0].Name, json: name, doc: strings.TrimSpace(f.Doc.Text()), guest: guest,
			nested: slices.ContainsFunc(typeNames(f.Type), ast.IsExported),
		})
	}
	return fields
}

// typeNames lists the names of this package's types that a type is made of.
func typeNames(t ast.Expr) []string {
	var names []string
	ast.Inspect(t, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // of another package
			return false
		case *ast.Ident:
			names = append(names, n.Name)
		}
		return true
	})
	return names
}

// functionName is the name of a function, and of a method with its type's.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	return strings.Join(typeNames(f.Recv.List[0].Type), ".") + "." + f.Name.Name
}
