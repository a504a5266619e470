package payermax

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/modules/buffered"
	"github.com/caddy-payermax/caddy-payermax/modules/health"
	"github.com/caddy-payermax/caddy-payermax/modules/landlock"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	sandboxsite "github.com/caddy-payermax/caddy-payermax/modules/sandbox"
)

const optionsPage = "docs/options.md"

// costsUnder maps each struct to the section of docs/options.md that has its options.
var costsUnder = map[reflect.Type]string{
	reflect.TypeFor[payermaxBlock]():        "`payermax`",
	reflect.TypeFor[Handler]():              "`payermax_sign`",
	reflect.TypeFor[Merchant]():             "`payermax_sign`",
	reflect.TypeFor[MerchantChoice]():       "`merchant`",
	reflect.TypeFor[Contract]():             "`contract`",
	reflect.TypeFor[limits.Limits]():        "`limits`",
	reflect.TypeFor[limits.Quota]():         "`limits`",
	reflect.TypeFor[limits.Budget]():        "`limits`",
	reflect.TypeFor[limits.Caller]():        "`limits`",
	reflect.TypeFor[health.Handler]():       "`payermax_health`",
	reflect.TypeFor[keys.File]():            "`key file`",
	reflect.TypeFor[notify.Handler]():       "`payermax_notify`",
	reflect.TypeFor[sandboxsite.Handler]():  "`payermax_sandbox`",
	reflect.TypeFor[sandboxsite.Merchant](): "`payermax_sandbox`",
	reflect.TypeFor[landlock.App]():         "`payermax_landlock`",
	reflect.TypeFor[buffered.Writer]():      "`payermax_buffered`",
}

// The page says what each option costs and when not to use it. It has no option that does
// not exist.
func TestOptionsPage(t *testing.T) {
	page := markdown.Page(t, optionsPage)
	told := make(map[string][]string) // the options in the rows of each section
	for _, heading := range costsUnder {
		if told[heading] != nil {
			continue
		}
		section, err := markdown.Section(page, heading)
		require.NoError(t, err)
		for _, row := range markdown.Rows(section) {
			require.Len(t, row, 3)
			for _, cell := range row {
				assert.NotEmpty(t, cell, "%s: a row has an empty cell: %v", heading, row)
			}
			told[heading] = append(told[heading], words(row[0])...)
		}
	}

	existing := make(map[string][]string)
	for _, s := range documented() {
		eachOption(s.Block, func(row grammar.Row) {
			heading := costsUnder[row.Of]
			existing[heading] = append(existing[heading], row.Name)
			assert.Contains(t, told[heading], row.Name, "%s does not say what the option %s of %s costs, and when not to use it", optionsPage, row.Name, row.Of)
		})
	}
	for heading, names := range told {
		for _, name := range names {
			assert.Contains(t, existing[heading], name, "%s has an option that does not exist", heading)
		}
	}
}

// eachOption calls see for each option of a block and of its nested blocks.
func eachOption(block *grammar.Table, see func(grammar.Row)) {
	for _, row := range block.Rows {
		see(row)
		if row.Block != nil {
			eachOption(row.Block, see)
		}
	}
}
