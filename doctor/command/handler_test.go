package command

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// Handlers with the same name are numbered, and so are their merchants.
func TestNumberNames(t *testing.T) {
	handlers := []doctor.Handler{{Name: "a"}, {Name: "b"}, {Name: "a", Merchants: []doctor.Merchant{{Name: "a"}, {Name: "a, merchant 1"}}}}
	numberNames(handlers)
	assert.Equal(t, "a", handlers[0].Name)
	assert.Equal(t, "a (2)", handlers[2].Name)
	assert.Equal(t, "a (2)", handlers[2].Merchants[0].Name)
	assert.Equal(t, "a (2), merchant 1", handlers[2].Merchants[1].Name)
}

func TestExpand(t *testing.T) {
	t.Setenv("PAYERMAX_SET", "value")
	t.Setenv("PAYERMAX_UNSET", "")
	for configured, want := range map[string]doctor.Option{
		"":                       {},
		"plain":                  {Value: "plain"},
		"{env.PAYERMAX_SET}":     {Value: "value"},
		"a{env.PAYERMAX_UNSET}b": {Value: "ab", Empty: []string{"{env.PAYERMAX_UNSET}"}},
		"{env.PAYERMAX_UNSET}":   {Empty: []string{"{env.PAYERMAX_UNSET}"}, Error: errors.New("app_id: {env.PAYERMAX_UNSET} is empty: the environment variable PAYERMAX_UNSET has no value; set it")},
		"{nonsense}":             {Empty: []string{"{nonsense}"}, Error: errors.New("app_id: unrecognized placeholder {nonsense}; write {env.nonsense} for the environment variable")},
		"too long":               {Error: errors.New("app_id: longer than the 7 characters that PayerMax allows")},
	} {
		got := Expand("app_id", configured, 7, false)
		assert.Equal(t, "app_id", got.Name)
		assert.Equal(t, want.Value, got.Value, configured)
		assert.Equal(t, want.Empty, got.Empty, configured)
		assert.Equal(t, fmt.Sprint(want.Error), fmt.Sprint(got.Error), configured)
	}
	assert.NoError(t, Expand("app_id", "{env.PAYERMAX_UNSET}", 64, true).Error)
}
