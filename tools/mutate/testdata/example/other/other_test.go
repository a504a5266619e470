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

// TestBroken would cover Bound if it did not fail.
func TestBroken(t *testing.T) {
	if example.Bound(10) == "large" {
		t.Fatal("it fails without a mutant")
	}
}
