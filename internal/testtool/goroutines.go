package testtool

import (
	"runtime"
	"slices"
	"strings"
)

// Goroutines records the running goroutines. The returned function returns the stacks of
// goroutines that have started since then, except for the calling one. Unlike a count,
// this is not affected by goroutines of other tests that end meanwhile.
func Goroutines() (since func() []string) {
	before := make(map[string]bool)
	for _, stack := range stacks() {
		before[number(stack)] = true
	}
	return func() []string {
		others := stacks()[1:] // the first one is the calling goroutine
		return slices.DeleteFunc(others, func(stack string) bool { return before[number(stack)] })
	}
}

// number returns the header of a goroutine's stack with its number, which is never
// reused.
func number(stack string) string {
	number, _, _ := strings.Cut(stack, " [")
	return number
}

// stacks returns the stacks of all goroutines.
func stacks() []string {
	text := make([]byte, 1<<20)
	for n := runtime.Stack(text, true); ; n = runtime.Stack(text, true) {
		if n < len(text) {
			return strings.Split(string(text[:n]), "\n\n")
		}
		text = make([]byte, 2*len(text))
	}
}
