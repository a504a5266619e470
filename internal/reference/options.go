package reference

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// option is an option of the Caddyfile, as a parser knows it.
type option struct {
	name string
	// body is what the parser does with it.
	body []ast.Stmt
}

// options returns the options that each parser knows: the words that it compares
// with the one that its dispenser stands on. Functions that know none are left
// out, and so are words that are known only to be refused.
func (s *source) options() map[string][]option {
	parsers := make(map[string][]option)
	for name, function := range s.functions {
		var known []option
		add := func(word ast.Expr, body []ast.Stmt) {
			if text, ok := textOf(word); ok && !isRefusal(body) {
				known = append(known, option{text, body})
			}
		}
		words := wordVariables(function)
		ast.Inspect(function, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SwitchStmt:
				if n.Tag != nil && !words.holds(n.Tag) {
					return true
				}
				for _, statement := range n.Body.List {
					clause := statement.(*ast.CaseClause)
					for _, expression := range clause.List {
						if comparison, ok := expression.(*ast.BinaryExpr); n.Tag == nil && ok {
							if comparison.Op == token.EQL && words.holds(comparison.X) {
								add(comparison.Y, clause.Body)
							}
						} else if n.Tag != nil {
							add(expression, clause.Body)
						}
					}
				}
			case *ast.IfStmt:
				if comparison, ok := n.Cond.(*ast.BinaryExpr); ok && comparison.Op == token.EQL && words.holds(comparison.X) {
					add(comparison.Y, n.Body.List)
				}
			}
			return true
		})
		if len(known) > 0 {
			parsers[name] = known
		}
	}
	return parsers
}

// wordSet are the variables of a function that hold the dispenser's word.
type wordSet []string

// wordVariables finds the variables that a function has given the dispenser's
// word.
func wordVariables(function *ast.FuncDecl) wordSet {
	var variables wordSet
	ast.Inspect(function, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 && isWord(a.Rhs[0]) {
			if name, ok := a.Lhs[0].(*ast.Ident); ok {
				variables = append(variables, name.Name)
			}
		}
		return true
	})
	return variables
}

// holds reports whether an expression is the dispenser's word.
func (w wordSet) holds(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return isWord(e) || ok && slices.Contains(w, name.Name)
}

// isWord reports whether an expression asks a dispenser for its word: d.Val().
func isWord(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	return ok && method.Sel.Name == "Val"
}

// isRefusal reports whether all that is done is to return an error.
func isRefusal(body []ast.Stmt) bool {
	if len(body) != 1 {
		return false
	}
	returned, ok := body[0].(*ast.ReturnStmt)
	return ok && len(returned.Results) == 1 && callsMethod(returned.Results[0], "Err", "Errf", "ArgErr")
}

// callsMethod reports whether an expression is a call of a method of one of
// these names.
func callsMethod(e ast.Expr, names ...string) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains(names, method.Sel.Name)
}

// textOf returns the value of a literal.
func textOf(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

// fieldsSet returns the fields of a struct that an option sets, in the order in
// which the parser touches them: itself, or by a method that it leaves the option
// to.
func (s *source) fieldsSet(o option, of *structure) []field {
	var set []field
	for _, statement := range o.body {
		ast.Inspect(statement, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			names := []string{selector.Sel.Name}
			if method := s.method(selector.Sel.Name); method != nil {
				names = receiverFields(method)
			}
			for _, name := range names {
				f, ok := of.field(name)
				if ok && !slices.ContainsFunc(set, func(other field) bool { return other.name == f.name }) {
					set = append(set, f)
				}
			}
			return true
		})
	}
	return set
}

// method returns the method of that name if it reads an option, such as
// unmarshalContract.
func (s *source) method(name string) *ast.FuncDecl {
	if !strings.HasPrefix(name, "unmarshal") {
		return nil
	}
	for full, function := range s.functions {
		if function.Recv != nil && strings.HasSuffix(full, "."+name) {
			return function
		}
	}
	return nil
}

// receiverFields names the fields of its receiver that a method touches.
func receiverFields(method *ast.FuncDecl) []string {
	receiver := method.Recv.List[0].Names[0].Name
	var names []string
	ast.Inspect(method.Body, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == receiver {
				names = append(names, selector.Sel.Name)
			}
		}
		return true
	})
	return names
}

// isKeyFile reports whether the option is the short form of a key in a file.
func (o option) isKeyFile() bool {
	found := false
	for _, statement := range o.body {
		ast.Inspect(statement, func(n ast.Node) bool {
			name, ok := n.(*ast.Ident)
			found = found || ok && name.Name == "unmarshalKeyFile"
			return true
		})
	}
	return found
}

// syntax returns the line about an option in the grammar that is in a function's
// doc comment, without the block that may follow.
func (s *source) syntax(function, option string) (string, error) {
	f, ok := s.functions[function]
	if !ok {
		return "", fmt.Errorf("there is no function %s", function)
	}
	for line := range strings.Lines(f.Doc.Text()) {
		words := strings.Fields(line)
		if strings.HasPrefix(line, "\t") && len(words) > 0 && words[0] == option {
			if words[len(words)-1] == "{" {
				words[len(words)-1] = "{ ... }"
			}
			return strings.Join(words, " "), nil
		}
	}
	return "", fmt.Errorf("the grammar in the comment of %s has no %s", function, option)
}
