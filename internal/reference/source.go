// Package reference writes docs/configuration.md. The options come from the rows of the
// grammar, and their meanings from the doc comments of the fields that they set. So the
// page, the parser and the doc comments cannot contradict one another.
//
// The parts that are written by hand, which are the order and the texts around the
// options, are in configuration.md.tmpl.
package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// module is the path of this module, the prefix of its packages' import paths.
var module = strings.TrimSuffix(reflect.TypeFor[Page]().PkgPath(), "/internal/reference")

// source holds the doc comments of the module's structs. It reads packages on demand.
type source struct {
	root     string // the module's directory
	packages map[string]map[string]comments
}

// comments are the doc comments of a struct and of its fields, by name.
type comments struct {
	doc    string
	fields map[string]string
}

// commentsOn returns the doc comments of a struct of this module.
func (s *source) commentsOn(t reflect.Type) (comments, error) {
	structs, ok := s.packages[t.PkgPath()]
	if !ok {
		var err error
		folder := filepath.Join(s.root, strings.TrimPrefix(t.PkgPath(), module))
		if structs, err = readComments(folder); err != nil {
			return comments{}, err
		}
		s.packages[t.PkgPath()] = structs
	}
	said, ok := structs[t.Name()]
	if !ok {
		return comments{}, fmt.Errorf("there is no struct %s in the source of %s", t.Name(), t.PkgPath())
	}
	return said, nil
}

// readComments reads the doc comments of the structs in the Go files of a directory, by
// name.
func readComments(folder string) (map[string]comments, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	structs := make(map[string]comments)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			d, ok := declaration.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				t := spec.(*ast.TypeSpec)
				if s, ok := t.Type.(*ast.StructType); ok {
					structs[t.Name.Name] = comments{d.Doc.Text(), fieldComments(s)}
				}
			}
		}
	}
	return structs, nil
}

// fieldComments returns the doc comments of a struct's fields, by name.
func fieldComments(s *ast.StructType) map[string]string {
	comments := make(map[string]string)
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			comments[name.Name] = strings.TrimSpace(f.Doc.Text())
		}
	}
	return comments
}

// field is a field that JSON can set.
type field struct {
	json, doc string
	// guest is true if the value is a Caddy module that is chosen by name.
	guest bool
	// nested is true if the value has options of its own.
	nested bool
}

// describe describes a field of a struct.
func (s *source) describe(of reflect.Type, f reflect.StructField) (field, error) {
	said, err := s.commentsOn(of)
	if err != nil {
		return field{}, err
	}
	_, guest := f.Tag.Lookup("caddy")
	described := field{json: jsonName(f), doc: said.fields[f.Name], guest: guest, nested: structIn(f.Type) != nil}
	switch {
	case described.json == "":
		return field{}, fmt.Errorf("%s.%s has no name in JSON", of.Name(), f.Name)
	case described.doc == "":
		return field{}, fmt.Errorf("%s.%s has no doc comment", of.Name(), f.Name)
	}
	return described, nil
}

// jsonName returns the name of a field in JSON, or "" if JSON cannot set it.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// jsonFields returns the JSON names of all fields of the configuration, by struct and Go
// name.
func (w *writer) jsonFields() map[string]string {
	names := make(map[string]string)
	for _, s := range w.sections {
		maps.Copy(names, jsonFieldsOf(s.Block.Of))
	}
	return names
}

// jsonFieldsOf returns the fields of a struct, and of the structs of this module that its
// exported fields contain.
func jsonFieldsOf(of reflect.Type) map[string]string {
	names := make(map[string]string)
	for f := range of.Fields() {
		if name := jsonName(f); name != "" {
			names[of.String()+"."+f.Name] = name
		}
		if inner := structIn(f.Type); inner != nil && f.IsExported() {
			maps.Copy(names, jsonFieldsOf(inner))
		}
	}
	return names
}

// structIn returns the struct of this module that a type is, points to, or contains as an
// element, or nil.
func structIn(t reflect.Type) reflect.Type {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, t.Kind()) {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && strings.HasPrefix(t.PkgPath()+"/", module+"/") {
		return t
	}
	return nil
}
