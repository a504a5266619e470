package testtool

import (
	"runtime"
	"slices"
	"strings"
)

// Goroutines notes which goroutines there are. The function that it returns says which
// others there are by then, each with its stack, but for the one that asks. Unlike a count, it is not misled by what
// other tests have left behind, and what ends meanwhile.
func Goroutines() (since func() []string) {
	before := make(map[string]bool)
	for _, stack := range stacks() {
		before[number(stack)] = true
	}
	return func() []string {
		others := stacks()[1:] // the first is the one that asks
		return slices.DeleteFunc(others, func(stack string) bool { return before[number(stack)] })
	}
}

// number is what a goroutine is known by in its stack; no other gets the same.
func number(stack string) string {
	number, _, _ := strings.Cut(stack, " [")
	return number
}

// stacks returns those of all goroutines.
func stacks() []string {
	text := make([]byte, 1<<20)
	for n := runtime.Stack(text, true); ; n = runtime.Stack(text, true) {
		if n < len(text) {
			return strings.Split(string(text[:n]), "\n\n")
		}
		text = make([]byte, 2*len(text))
	}
}
