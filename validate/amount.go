package validate

// maxExponent bounds exponents. Beyond it, values leave the range of a double, which
// PayerMax's parser may use, and no amount needs them.
const maxExponent = 308

// amount is what the rules need to know about a decimal literal. It is computed digit by
// digit: a float would round the very digits that the rules judge.
type amount struct {
	negative bool
	zero     bool
	decimals int // digits that the exact value needs after the decimal point
}

// parseAmount reads a JSON number, or a plain decimal. The value decides, not
// the spelling: 100, 100.00 and 1e2 all need no decimals. It reports false for
// an exponent beyond ±308.
func parseAmount(literal []byte) (a amount, ok bool) {
	a.zero = true
	scale := 0    // digits after the point
	trailing := 0 // zeros since the last nonzero digit, on both sides of the point
	exponent := 0 // of ten
	inFraction := false
	for i, c := range literal {
		switch {
		case c == '-':
			a.negative = true
		case c == '.':
			inFraction = true
		case c == 'e' || c == 'E':
			if exponent, ok = parseExponent(literal[i+1:]); !ok {
				return amount{}, false
			}
			return a.scaled(scale - trailing - exponent), true
		default:
			if inFraction {
				scale++
			}
			if c == '0' {
				trailing++
			} else {
				trailing, a.zero = 0, false
			}
		}
	}
	return a.scaled(scale - trailing), true
}

// scaled completes an amount with the number of decimals that its digits need. decimals is
// negative for a value that ends in zeros before the point.
func (a amount) scaled(decimals int) amount {
	if !a.zero {
		a.decimals = max(0, decimals)
	}
	a.negative = a.negative && !a.zero
	return a
}

// parseExponent reads what follows the e of a JSON number.
func parseExponent(digits []byte) (exponent int, ok bool) {
	negative := false
	for _, c := range digits {
		switch c {
		case '-':
			negative = true
		case '+':
		default:
			if exponent = exponent*10 + int(c-'0'); exponent > maxExponent {
				return 0, false
			}
		}
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// isPlainDecimal reports whether s consists of digits and at most one point
// between digits: no sign, exponent or space.
func isPlainDecimal(s []byte) bool {
	point := false
	for i, c := range s {
		switch {
		case '0' <= c && c <= '9':
		case c == '.' && !point && i > 0 && i < len(s)-1:
			point = true
		default:
			return false
		}
	}
	return len(s) > 0
}

// amountOrZero judges an amount, number or string, for which PayerMax states no
// lower bound: a trial may be free.
var amountOrZero = amountWithZero(func(*walker, value) {})

// amountOfSession judges the amount of a session: "0 is allowed only together with mitType,
// otherwise the amount must be greater than 0" (api.json). The English page states no lower
// bound.
var amountOfSession = amountWithZero(func(w *walker, v value) {
	if !v.siblings.filled("mitType") {
		w.reportUnless(v.field.disputed(ruleMinimum, v.siblings), ruleMinimum,
			"must be greater than 0 when no mitType is sent; send the amount, or omit it")
	}
})

// amountPositive judges an amount, number or string, that is moved back or
// captured: zero would move nothing.
var amountPositive = amountWithZero(func(w *walker, v value) {
	w.report(ruleMinimum, "must be greater than 0; send the amount")
})

// amountWithZero judges an amount, number or string, with a separate rule for zero.
func amountWithZero(zero func(w *walker, v value)) *check {
	return &check{
		rules: []string{rulePattern, ruleMinimum, ruleDecimals},
		judge: func(w *walker, v value) {
			a, ok := w.amount(v)
			if !ok {
				return
			}
			if a.zero {
				zero(w, v)
			}
			w.decimals(v, a)
		},
	}
}

// amount reads an amount that PayerMax accepts both as a number and as a string.
func (w *walker) amount(v value) (a amount, ok bool) {
	if v.sent == '"' {
		return w.amountString(v)
	}
	return w.amountNumber(v)
}

// amountNumber reads a JSON number.
func (w *walker) amountNumber(v value) (a amount, ok bool) {
	if a, ok = parseAmount(v.content); !ok {
		w.report(rulePattern, "must not have an exponent beyond ±%d; write the amount in plain digits, such as 19.99", maxExponent)
		return a, false
	}
	if a.negative {
		w.report(ruleMinimum, "must not be negative; send 0 or more")
	}
	return a, true
}

// amountString reads a decimal in a string.
func (w *walker) amountString(v value) (a amount, ok bool) {
	if !isPlainDecimal(v.content) {
		w.report(rulePattern, `must be a plain decimal, digits with at most one point between them; send a string such as "19.99"`)
		return a, false
	}
	return parseAmount(v.content) // a plain decimal has no exponent
}

// decimals compares an amount with the number of decimals that PayerMax accepts in its
// currency. Without a valid currency there is nothing to compare, and the currency's own
// violation is the one to fix.
func (w *walker) decimals(v value, a amount) {
	code := v.siblings.text(v.field.moves)
	limit, ok := currencyDecimals[string(code)]
	switch {
	case !ok || a.decimals <= limit:
	case limit == 0:
		w.report(ruleDecimals, "must not have decimals in %s; send a whole amount, such as 100", code)
	default:
		w.report(ruleDecimals, "must have at most %d decimals in %s; round it before sending", limit, code)
	}
}
