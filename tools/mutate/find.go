package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// finder finds what can be changed in a file, and writes both the original and the changed form.
// Constant expressions stay as they are, because Go requires constants in some places.
type finder struct {
	fset    *token.FileSet
	info    *types.Info
	text    *text
	lines   [][]byte
	path    string
	first   int // the id of the file's first mutant
	mutants []mutant
}

// find walks through the file. It visits outer nodes before inner ones, as text requires.
func (f *finder) find(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok == token.VAR
		case *ast.FuncDecl:
			if n.Body != nil {
				f.results(n.Type, n.Body)
			}
		case *ast.FuncLit:
			f.results(n.Type, n.Body)
		case *ast.BlockStmt:
			f.statements(n.List)
		case *ast.CaseClause:
			f.statements(n.Body)
		case *ast.CommClause:
			f.statements(n.Body)
		case *ast.IfStmt:
			f.truth(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				f.truth(n.Cond)
			}
			f.jumps(n.Body, n.Cond != nil)
		case *ast.RangeStmt:
			f.jumps(n.Body, true)
		case *ast.SwitchStmt:
			f.cases(n)
		case *ast.AssignStmt:
			if op, ok := assigned[n.Tok]; ok {
				f.assignment(n.Lhs[0], op, n.TokPos, n.Rhs[0])
			}
		case *ast.IncDecStmt:
			op := token.ADD
			if n.Tok == token.DEC {
				op = token.SUB
			}
			f.assignment(n.X, op, n.TokPos, nil)
		case *ast.BinaryExpr:
			f.binary(n)
		case *ast.UnaryExpr:
			f.unary(n)
		}
		return true
	})
}

// add registers a mutant, and returns its ID.
func (f *finder) add(at token.Pos, change string) int {
	p := f.fset.Position(at)
	id := f.first + len(f.mutants)
	f.mutants = append(f.mutants, mutant{
		id: id, where: fmt.Sprintf("%s:%d:%d", f.path, p.Line, p.Column), change: change, line: lineOf(f.lines, p.Line),
	})
	return id
}

func (f *finder) offset(at token.Pos) int { return f.fset.Position(at).Offset }

func (f *finder) wrap(n ast.Node, before, after string) {
	f.text.wrap(f.offset(n.Pos()), f.offset(n.End()), before, after)
}

// token replaces a token.
func (f *finder) token(at token.Pos, was token.Token, by string) {
	f.text.replace(f.offset(at), f.offset(at)+len(was.String()), by)
}

func (f *finder) source(n ast.Node) string {
	return string(f.text.source[f.offset(n.Pos()):f.offset(n.End())])
}

func on(id int) string { return fmt.Sprintf("mutantOn_(%d)", id) }

// truth negates a boolean expression, such as a condition. Results of operators are excluded,
// because they are changed together with the operator.
func (f *finder) truth(e ast.Expr) {
	switch inner := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		return
	case *ast.UnaryExpr:
		if inner.Op == token.NOT {
			return
		}
	}
	if f.isBool(e) {
		f.negate(e, e.Pos(), "negated")
	}
}

func (f *finder) negate(e ast.Expr, at token.Pos, change string) {
	f.wrap(e, "((", ") != "+on(f.add(at, change))+")")
}

// unary negates !x, and changes the sign of -x.
func (f *finder) unary(e *ast.UnaryExpr) {
	switch {
	case e.Op == token.NOT && f.isBool(e):
		f.negate(e, e.OpPos, "! left out")
	case e.Op == token.SUB && f.isNumber(e):
		f.wrap(e, fmt.Sprintf("mutantNeg_(%d, ", f.add(e.OpPos, "- left out")), ")")
		f.token(e.OpPos, e.Op, "")
	}
}

// The operators that a function of the switches changes into another one, with that function and
// the other operator.
var (
	arithmetic = map[token.Token]struct{ function, other string }{
		token.ADD: {"mutantAdd_", "-"}, token.SUB: {"mutantSub_", "+"}, token.MUL: {"mutantMul_", "/"},
		token.QUO: {"mutantQuo_", "*"}, token.REM: {"mutantRem_", "*"},
	}
	bounds = map[token.Token]struct{ function, other string }{
		token.LSS: {"mutantLss_", "<="}, token.LEQ: {"mutantLeq_", "<"}, token.GTR: {"mutantGtr_", ">="}, token.GEQ: {"mutantGeq_", ">"},
	}
	assigned = map[token.Token]token.Token{
		token.ADD_ASSIGN: token.ADD, token.SUB_ASSIGN: token.SUB, token.MUL_ASSIGN: token.MUL,
		token.QUO_ASSIGN: token.QUO, token.REM_ASSIGN: token.REM,
	}
)

// binary changes the operator between two operands.
func (f *finder) binary(e *ast.BinaryExpr) {
	op := e.Op.String()
	switch e.Op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if !f.isBool(e) {
			return
		}
		f.negate(e, e.OpPos, op+" negated")
		if bound, ok := bounds[e.Op]; ok {
			f.call(e, bound.function, f.add(e.OpPos, op+" made "+bound.other))
		}
	case token.LAND, token.LOR:
		if !f.isBool(e) {
			return
		}
		other := map[token.Token]string{token.LAND: "||", token.LOR: "&&"}[e.Op]
		swapped := on(f.add(e.OpPos, op+" made "+other))
		// One operator is the other with the operands and the result negated.
		f.wrap(e, "((", ") != "+swapped+")")
		for _, operand := range []ast.Expr{e.X, e.Y} {
			f.wrap(operand, "((", ") != "+swapped+")")
			f.truth(operand)
		}
	default:
		if swap, ok := arithmetic[e.Op]; ok && f.isNumber(e) && !isShift(e.X) && !isShift(e.Y) {
			f.call(e, swap.function, f.add(e.OpPos, op+" made "+swap.other))
		}
	}
}

// call turns an operator into a call of a function.
func (f *finder) call(e *ast.BinaryExpr, function string, id int) {
	f.wrap(e, fmt.Sprintf("%s(%d, ", function, id), ")")
	f.token(e.OpPos, e.Op, ",")
}

// assignment changes the operator of x += y, or of x++, which has no y.
func (f *finder) assignment(x ast.Expr, op token.Token, at token.Pos, y ast.Expr) {
	if !f.isNumber(x) || hasCall(x) {
		return
	}
	swap := arithmetic[op]
	id := f.add(at, op.String()+" made "+swap.other)
	call := fmt.Sprintf("= %s(%d, %s, ", swap.function, id, f.source(x))
	if y == nil {
		f.text.replace(f.offset(at), f.offset(at)+len("++"), call+"1)")
		return
	}
	f.text.replace(f.offset(at), f.offset(at)+len("+="), call)
	f.wrap(y, "", ")")
}

// statements leaves out one statement at a time: calls (immediate, deferred or in a goroutine),
// assignments, and sends on a channel.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if isPanic(s.X) {
				continue // the compiler takes it as the end of the function
			}
		case *ast.AssignStmt:
			if s.Tok != token.ASSIGN || isBlank(s.Lhs) {
				continue
			}
		case *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		default:
			continue
		}
		f.wrap(s, "if !"+on(f.add(s.Pos(), "statement left out"))+" { ", " }")
	}
}

// jumps turns a break of a loop into a continue, and a continue into a break if the loop can also
// end in another way.
func (f *finder) jumps(loop *ast.BlockStmt, ends bool) {
	ast.Inspect(loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.FuncLit:
			return false
		case *ast.BranchStmt:
			switch {
			case n.Label != nil:
			case n.Tok == token.BREAK:
				f.wrap(n, "if "+on(f.add(n.Pos(), "break made continue"))+" { continue }; ", "")
			case n.Tok == token.CONTINUE && ends:
				f.wrap(n, "if "+on(f.add(n.Pos(), "continue made break"))+" { break }; ", "")
			}
		}
		return true
	})
}

// cases negates the conditions of a switch. A switch that compares with a value is rewritten into
// one of conditions, each of which can be left out.
func (f *finder) cases(s *ast.SwitchStmt) {
	var values []ast.Expr
	for _, clause := range s.Body.List {
		values = append(values, clause.(*ast.CaseClause).List...)
	}
	if s.Tag == nil {
		for _, condition := range values {
			f.truth(condition)
		}
		return
	}
	if len(values) == 0 || s.Init != nil && !isName(s.Tag) || f.isConstant(s.Tag) {
		return
	}
	tag := f.source(s.Tag)
	if s.Init == nil {
		tag = "mutantTag_"
		f.wrap(s.Tag, tag+" := ", ";")
	} else {
		f.text.replace(f.offset(s.Tag.Pos()), f.offset(s.Tag.End()), "")
	}
	for _, value := range values {
		f.wrap(value, "!"+on(f.add(value.Pos(), "case left out"))+" && "+tag+" == (", ")")
	}
}

// results changes what a function returns: an error becomes nil, and a boolean is negated.
func (f *finder) results(function *ast.FuncType, body *ast.BlockStmt) {
	if function.Results == nil {
		return
	}
	var results []types.Type
	for _, field := range function.Results.List {
		for range max(1, len(field.Names)) {
			results = append(results, f.info.TypeOf(field.Type))
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		s, ok := n.(*ast.ReturnStmt)
		if !ok || len(s.Results) != len(results) {
			return true
		}
		for i, result := range s.Results {
			switch {
			case types.Identical(results[i], types.Universe.Lookup("error").Type()) && !f.info.Types[result].IsNil():
				f.wrap(result, fmt.Sprintf("mutantErr_(%d, ", f.add(result.Pos(), "error made nil")), ")")
			case types.Identical(results[i], types.Typ[types.Bool]):
				f.returned(result)
			}
		}
		return true
	})
}

// returned negates true and false, and everything that truth negates.
func (f *finder) returned(e ast.Expr) {
	if f.isConstant(e) {
		f.negate(e, e.Pos(), "negated")
		return
	}
	f.truth(e)
}
