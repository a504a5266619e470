package lookalike

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{
		{"code", "co_de"}, {"code", "co-de"}, {"code", "CODE"}, {"code", "co de"}, {"code", " code\t"},
		{"code", "co\u200bde"}, {"code", "co\u0000de"}, {"code", "\ufeffcode"}, {"code", "co\u00a0de"},
		{"userId", "userıd"}, {"userId", "user_İd"}, {"msg", "mſg"}, {"keyVersion", "\u212aeyversion"},
	} {
		assert.Equal(t, Fold(pair[0]), Fold(pair[1]), "%q and %q", pair[0], pair[1])
	}
	for _, pair := range [][2]string{{"code", "cod"}, {"code", "c0de"}, {"userId", "userTd"}, {"", "x"}} {
		assert.NotEqual(t, Fold(pair[0]), Fold(pair[1]), "%q and %q", pair[0], pair[1])
	}
}

// FuzzFold never panics, and a shape is its own shape.
func FuzzFold(f *testing.F) {
	for _, seed := range []string{"co_de", "userıd", "\xff", "ſ", "ǅ", "\u0345"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if shape := Fold(name); Fold(shape) != shape {
			t.Fatalf("%q has the shape %q, which has the shape %q", name, shape, Fold(shape))
		}
	})
}
