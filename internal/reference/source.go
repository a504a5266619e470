// Package reference writes docs/configuration.md. Which options there are is what
// the rows of the grammar say; what each means, the doc comments of the fields that
// it sets. So the page, the parser and the doc comments cannot say different
// things.
//
// What is written by hand, the order and what introduces or rounds off the options,
// is in configuration.md.tmpl.
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

// module is the path of this module, which the import paths of its packages begin
// with.
var module = strings.TrimSuffix(reflect.TypeFor[Page]().PkgPath(), "/internal/reference")

// source has the doc comments of the module's structs. Packages are read when they
// are asked for.
type source struct {
	root     string // the module's folder
	packages map[string]map[string]comments
}

// comments are the doc comments of a struct and of its fields, by their names.
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

// readComments reads the doc comments of the structs in the Go files of a folder.
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

// fieldComments returns the doc comments of a struct's fields, by their names.
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
	// guest says that the value is a module of Caddy's, chosen by its name.
	guest bool
	// nested says that the value has options of its own.
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

// jsonName is the name of a field in JSON, or "" if JSON cannot set it.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// jsonFields returns the names in JSON of all fields of the configuration, by those
// in Go with that of their struct.
func (w *writer) jsonFields() map[string]string {
	names := make(map[string]string)
	for _, s := range w.sections {
		maps.Copy(names, jsonFieldsOf(s.Block.Of))
	}
	return names
}

// jsonFieldsOf returns the fields of a struct, and of the structs of this module
// that its exported fields are made of.
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

// structIn returns the struct of this module that a type is made of, or nil.
func structIn(t reflect.Type) reflect.Type {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, t.Kind()) {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && strings.HasPrefix(t.PkgPath()+"/", module+"/") {
		return t
	}
	return nil
}
