package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

// mutant is one small change.
type mutant struct {
	id     int    // from 1
	where  string // file:line:column, relative to the root of the module
	change string // such as "< made <="
	line   string // the original line
}

func (m mutant) String() string { return m.where + " " + m.change + "\t" + m.line }

// mutated is a package with all of its mutants.
type mutated struct {
	mutants []mutant
	overlay string // path of a file for go test -overlay
}

//go:embed switches.go.txt
var switches string

// mutate writes copies of a package's files with all of its mutants into the directory work. The
// original files stay as they are.
func mutate(ctx context.Context, dir, folder, work string) (*mutated, error) {
	loaded, err := packages.Load(&packages.Config{Context: ctx, Dir: dir, Mode: packages.LoadSyntax}, "./"+folder)
	if err != nil {
		return nil, err
	}
	if len(loaded) != 1 {
		return nil, fmt.Errorf("this must be one package, but there are %d", len(loaded))
	}
	p := loaded[0]
	if len(p.Errors) > 0 {
		return nil, p.Errors[0]
	}
	if len(p.Syntax) == 0 {
		return nil, errors.New("there is no Go file but tests")
	}
	overlay := make(map[string]string)
	write := func(path, source string) error {
		to := filepath.Join(work, filepath.Base(path))
		overlay[path] = to
		return os.WriteFile(to, []byte(source), 0o600)
	}
	all := new(mutated)
	for i, file := range p.Syntax {
		path := p.CompiledGoFiles[i]
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f := &finder{
			fset: p.Fset, info: p.TypesInfo, text: newText(source), lines: bytes.Split(source, []byte("\n")),
			path: filepath.ToSlash(filepath.Join(folder, filepath.Base(path))), first: len(all.mutants) + 1,
		}
		f.find(file)
		all.mutants = append(all.mutants, f.mutants...)
		if err := write(path, f.text.String()); err != nil {
			return nil, err
		}
	}
	helper := fmt.Sprintf("package %s\n\n%s\nconst mutants_ = %d\n", p.Name, switches, len(all.mutants))
	if err := write(filepath.Join(filepath.Dir(p.CompiledGoFiles[0]), "mutate_switches.go"), helper); err != nil {
		return nil, err
	}
	replace, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return nil, err
	}
	all.overlay = filepath.Join(work, "overlay.json")
	return all, os.WriteFile(all.overlay, replace, 0o600)
}

// lineOf returns a line of the source without its indentation.
func lineOf(lines [][]byte, number int) string { return strings.TrimSpace(string(lines[number-1])) }
