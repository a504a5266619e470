package testprocess

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownOutput holds the tests that provide a writer of their own for a process's output,
// and why they cannot read it too early.
var ownOutput = map[string]string{
	"commands/harness_test.go":        "runs it to its end",
	"commands/keygen_test.go":         "runs it to its end, behind a pipe that is broken",
	"commands/terminal_linux_test.go": "runs it to its end, at a terminal",
	"e2e/buffered_log_test.go":        "is about a pipe that nobody reads",
	"e2e/cluster/cluster_test.go":     "waits for the end of kubectl",
	"e2e/demo_test.go":                "runs it to its end, behind a pipe that is broken",
	"e2e/doctor_test.go":              "runs it to its end",
	"e2e/model/model_test.go":         "passes on what go build says",
	"e2e/recipes_test.go":             "waits for its end",
	"signer/keys_test.go":             "runs it to its end",
}

// Tests must not draw conclusions from what a running process has printed so far, or
// provide a writer of their own for its output, except for those in ownOutput.
func TestOutputIsAwaited(t *testing.T) {
	const root = "../.."
	found := make(map[string]bool)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/testdata/") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		ast.Inspect(file, func(node ast.Node) bool {
			for _, hasty := range concludedFrom(node) {
				assert.Fail(t, "a test concludes from what was printed so far", "%v: await the line, or judge at the end (Prints, NeverPrints, Terminate)", files.Position(hasty))
			}
			if assigned, ok := node.(*ast.AssignStmt); ok && slices.ContainsFunc(assigned.Lhs, isOutput) {
				found[name] = true
				if ownOutput[name] == "" {
					assert.Fail(t, "a test has an output of its own", "%v: use testprocess.Start, or say above why the test cannot look too early", files.Position(assigned.Pos()))
				}
			}
			return true
		})
		return nil
	}))
	for name := range ownOutput {
		assert.True(t, found[name], "%s does not do that any more", name)
	}
}

// isOutput reports whether an expression is the output of a command.
func isOutput(e ast.Expr) bool {
	field, ok := e.(*ast.SelectorExpr)
	return ok && (field.Sel.Name == "Stdout" || field.Sel.Name == "Stderr")
}

// concludedFrom returns the places where a node calls SoFar for a value that it asserts
// or assigns. The arguments after these values in an assertion are its message.
func concludedFrom(node ast.Node) (places []token.Pos) {
	var values []ast.Expr
	switch node := node.(type) {
	case *ast.AssignStmt:
		values = node.Rhs
	case *ast.CallExpr:
		if assertion, ok := node.Fun.(*ast.SelectorExpr); ok && isAssertion(assertion) {
			values = node.Args[1:min(len(node.Args), 3)]
		}
	}
	for _, value := range values {
		ast.Inspect(value, func(inner ast.Node) bool {
			if called, ok := inner.(*ast.SelectorExpr); ok && called.Sel.Name == "SoFar" {
				places = append(places, called.Pos())
			}
			_, isCondition := inner.(*ast.FuncLit) // a condition is evaluated repeatedly
			return !isCondition
		})
	}
	return places
}

func isAssertion(called *ast.SelectorExpr) bool {
	of, ok := called.X.(*ast.Ident)
	return ok && (of.Name == "assert" || of.Name == "require") && !strings.HasPrefix(called.Sel.Name, "Fail")
}

// The check finds tests that read output too early, and no others.
func TestHastyTestsAreFound(t *testing.T) {
	for source, isHasty := range map[string]bool{
		`assert.Contains(t, p.SoFar(), "x")`:                                            true,
		`require.Equal(t, 1, p.SoFar().Count("x"))`:                                     true,
		`log := string(p.SoFar())`:                                                      true,
		`require.True(t, ok, "%s", p.SoFar().Tail())`:                                   false,
		`require.Fail(t, "in vain", "%s", p.SoFar())`:                                   false,
		`t.Log(p.SoFar())`:                                                              false,
		`p.AwaitReady(t, func() bool { return p.SoFar().Has("x") })`:                    false,
		`isDone := func() bool { return p.SoFar().Has("x") }`:                           false,
		`assert.Eventually(t, func() bool { return p.SoFar().Has("x") }, time.Hour, 1)`: false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+source+"\n}", 0)
		require.NoError(t, err, source)
		hasty := false
		ast.Inspect(file, func(node ast.Node) bool {
			hasty = hasty || len(concludedFrom(node)) > 0
			return true
		})
		assert.Equal(t, isHasty, hasty, source)
	}
}
