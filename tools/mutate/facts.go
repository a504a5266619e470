package main

import (
	"go/ast"
	"go/token"
	"go/types"
)

func (f *finder) isConstant(e ast.Expr) bool { return f.info.Types[e].Value != nil }

// isBool reports whether an expression has the predeclared type bool, which the switches have as
// well. Constants do not count.
func (f *finder) isBool(e ast.Expr) bool {
	if f.isConstant(e) {
		return false
	}
	basic, ok := f.info.TypeOf(e).(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func (f *finder) isNumber(e ast.Expr) bool {
	if f.isConstant(e) {
		return false
	}
	basic, ok := f.info.TypeOf(e).Underlying().(*types.Basic)
	return ok && basic.Info()&(types.IsInteger|types.IsFloat) != 0
}

// isShift reports whether an operand is a shift, whose type may depend on its context.
func isShift(e ast.Expr) bool {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	return ok && (b.Op == token.SHL || b.Op == token.SHR)
}

// hasCall reports whether evaluating an expression twice could make a difference.
func hasCall(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr, *ast.FuncLit:
			found = true
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		}
		return !found
	})
	return found
}

// isName reports whether an expression is a name, such as err or s.kind.
func isName(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return isName(e.X)
	}
	return false
}

func isPanic(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}

func isBlank(names []ast.Expr) bool {
	for _, e := range names {
		if name, ok := e.(*ast.Ident); !ok || name.Name != "_" {
			return false
		}
	}
	return true
}
