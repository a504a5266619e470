// Package endless has a loop that ends, but not under every mutant.
package endless

// Count counts up to a number.
func Count(upTo int) int {
	i := 0
	for i != upTo {
		i++
	}
	return i
}
