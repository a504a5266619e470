package other

import (
	"testing"

	"example.test/example"
)

func TestError(t *testing.T) {
	if example.Check(true) == nil || example.Check(false) != nil {
		t.Fatal()
	}
}

// It would hold Bound, if it did not fail.
func TestBroken(t *testing.T) {
	if example.Bound(10) == "large" {
		t.Fatal("it fails without a mutant")
	}
}
