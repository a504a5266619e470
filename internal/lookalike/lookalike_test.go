package lookalike

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{
		{"code", "co_de"}, {"code", "co-de"}, {"code", "CODE"}, {"az", "AZ"}, {"code", "co de"}, {"code", " code\t"},
		{"code", "co\u200bde"}, {"code", "co\u0000de"}, {"code", "\ufeffcode"}, {"code", "co\u00a0de"},
		{"userId", "userıd"}, {"userId", "user_İd"}, {"msg", "mſg"}, {"keyVersion", "\u212aeyversion"},
	} {
		assert.Equal(t, Fold(pair[0]), Fold(pair[1]), "%q and %q", pair[0], pair[1])
	}
	for _, pair := range [][2]string{{"code", "cod"}, {"code", "c0de"}, {"userId", "userTd"}, {"", "x"}} {
		assert.NotEqual(t, Fold(pair[0]), Fold(pair[1]), "%q and %q", pair[0], pair[1])
	}
}

// FuzzFold checks that Fold does not panic, and that the shape of a shape is the same
// shape.
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

func TestNames(t *testing.T) {
	names := NewNames("data", "appId", "totalAmount")
	for name, place := range map[string]int{
		"data": 0, "DATA": 0, "da ta": 0, "appıd": 1, "app_id": 1, "total-Amount": 2, colliding("totalAmount"): 2,
	} {
		found, ok := names.Find([]byte(name))
		assert.True(t, ok, "%q", name)
		assert.Equal(t, place, found, "%q", name)
		assert.Equal(t, []string{"data", "appId", "totalAmount"}[place], names.Known([]byte(name)), "%q", name)
	}
	for _, name := range []string{"", "x", "date", "isData", "totalAmounts", "数据"} {
		_, ok := names.Find([]byte(name))
		assert.False(t, ok, "%q", name)
		assert.Empty(t, names.Known([]byte(name)), "%q", name)
	}
}
