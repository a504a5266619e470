package validate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

// tender returns the currencies that golang.org/x/text/currency knows by itself.
func tender() map[string]int {
	known := make(map[string]int)
	for q := currency.Query(); q.Next(); {
		known[q.Unit().String()], _ = currency.Standard.Rounding(q.Unit())
	}
	return known
}

// A correction that golang.org/x/text no longer needs must be deleted.
func TestCorrectionsAreNeeded(t *testing.T) {
	known := tender()
	for code, decimals := range isoDecimals {
		if scale, ok := known[code]; ok {
			assert.NotEqual(t, scale, decimals, code)
		}
	}
	for code, successor := range withdrawn {
		assert.Contains(t, known, code)
		assert.Contains(t, currencyDecimals, successor)
	}
	for i := 0; i < len(notAssigned); i += 3 {
		code := notAssigned[i : i+2]
		region, err := language.ParseRegion(code)
		assert.True(t, err == nil && region.IsCountry(), code)
	}
}
