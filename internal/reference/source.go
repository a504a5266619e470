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

// of returns the doc comments of a struct of this module.
func (s *source) of(t reflect.Type) (comments, error) {
	structs, ok := s.packages[t.PkgPath()]
	if !ok {
		var err error
		folder := filepath.Join(s.root, strings.TrimPrefix(t.PkgPath(), module))
		if structs, err = readComments(folder); err != nil {
			return comments{}, err
		}
		s.packages[t.PkgPath()] = structs
	}
	found, ok := structs[t.Name()]
	if !ok {
		return comments{}, fmt.Errorf("there is no struct %s in the source of %s", t.Name(), t.PkgPath())
	}
	return found, nil
}

// readComments reads the doc comments of the structs in the Go files of a folder.
func readComments(folder string) (map[string]comments, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	structs := make(map[string]comments)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.TYPE {
				maps.Copy(structs, commentsOf(d))
			}
		}
	}
	return structs, nil
}

// commentsOf returns the doc comments of the structs in a declaration of types.
func commentsOf(d *ast.GenDecl) map[string]comments {
	structs := make(map[string]comments)
	for _, spec := range d.Specs {
		t := spec.(*ast.TypeSpec)
		s, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		found := comments{doc: d.Doc.Text(), fields: make(map[string]string)}
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				found.fields[name.Name] = strings.TrimSpace(f.Doc.Text())
			}
		}
		structs[t.Name.Name] = found
	}
	return structs
}

// field is a field that JSON can set.
type field struct {
	name string // in Go
	json string
	doc  string
	// guest says that the value is a module of Caddy's, chosen by its name.
	guest bool
	// nested says that the value has options of its own.
	nested bool
}

// fieldOf describes a field of a struct.
func (s *source) fieldOf(owner reflect.Type, f reflect.StructField) (field, error) {
	read, err := s.of(owner)
	if err != nil {
		return field{}, err
	}
	_, guest := f.Tag.Lookup("caddy")
	described := field{
		name: f.Name, json: jsonName(f), doc: read.fields[f.Name],
		guest: guest, nested: structIn(f.Type) != nil,
	}
	switch {
	case described.json == "":
		return field{}, fmt.Errorf("%s.%s has no name in JSON", owner.Name(), f.Name)
	case described.doc == "":
		return field{}, fmt.Errorf("%s.%s has no doc comment", owner.Name(), f.Name)
	}
	return described, nil
}

// jsonName is the name of a field in JSON, or "" if JSON cannot set it.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// structIn returns the struct of this module that a type is made of, or nil.
func structIn(t reflect.Type) reflect.Type {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, t.Kind()) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != module && !strings.HasPrefix(t.PkgPath(), module+"/") {
		return nil
	}
	return t
}

// structsIn lists a struct and those of this module that its exported fields are
// made of.
func structsIn(t reflect.Type) []reflect.Type {
	structs := []reflect.Type{t}
	for f := range t.Fields() {
		if inner := structIn(f.Type); inner != nil && f.IsExported() {
			structs = append(structs, structsIn(inner)...)
		}
	}
	return structs
}

// jsonFields lists the fields of a struct that JSON can set, without those of what
// is embedded.
func jsonFields(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for f := range t.Fields() {
		if jsonName(f) != "" {
			fields = append(fields, f)
		}
	}
	return fields
}
