package embedded

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMismatch(t *testing.T) {
	anybody, one := []Addressees{{}}, []Merchant{{AppID: "a", MerchantNo: "1"}}
	only := func(appID string, merchantNos ...string) []Addressees {
		return []Addressees{{AppIDs: []string{appID}, MerchantNos: merchantNos}}
	}
	const other = "not that of a merchant of the sandbox"
	for name, test := range map[string]struct {
		halves Halves
		says   string
	}{
		"nothing":                       {Halves{}, ""},
		"a sandbox":                     {Halves{Sandboxes: 1, Merchants: one}, ""},
		"PayerMax's":                    {Halves{ByFile: 1}, ""},
		"both":                          {Halves{Sandboxes: 2, Merchants: one, Verifying: anybody}, ""},
		"both, and PayerMax's":          {Halves{Sandboxes: 1, Verifying: anybody, ByFile: 1}, ""},
		"no sandbox":                    {Halves{Verifying: anybody}, "has gateway sandbox, so every notification is refused"},
		"no sandbox, and PayerMax's":    {Halves{Verifying: anybody, ByFile: 1}, "has gateway sandbox, so every notification is refused"},
		"by a file":                     {Halves{Sandboxes: 1, ByFile: 2}, "signs with a key of its own"},
		"for the merchant":              {Halves{Sandboxes: 1, Merchants: one, Verifying: only("a", "1")}, ""},
		"for another application":       {Halves{Sandboxes: 1, Merchants: one, Verifying: only("b")}, other},
		"for another number":            {Halves{Sandboxes: 1, Merchants: one, Verifying: only("a", "2")}, other},
		"for a number of the calls'":    {Halves{Sandboxes: 1, Merchants: []Merchant{{AppID: "a"}}, Verifying: only("a", "2")}, ""},
		"for one of several":            {Halves{Sandboxes: 1, Merchants: []Merchant{{AppID: "b"}, {AppID: "a"}}, Verifying: only("a")}, ""},
		"one for anybody, one for none": {Halves{Sandboxes: 1, Merchants: one, Verifying: append(only("b"), anybody...)}, other},
		"merchants that are not known":  {Halves{Sandboxes: 1, Verifying: only("b")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			message, next := test.halves.Mismatch()
			if test.says == "" {
				assert.Empty(t, message+next)
				return
			}
			assert.Contains(t, message, test.says)
			assert.Contains(t, next, "write ")
		})
	}
}
