package payermax

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
)

// optionIn is an option, and the lines that open the blocks around it.
type optionIn struct {
	grammar.Row

	around []string
}

// optionsWithValues returns all options of all directives that need a value, in every
// block where they are allowed.
func optionsWithValues() (all []optionIn) {
	opening := map[string]string{"caller": "caller shop", "budget": "budget USD 5 per day"}
	var walk func(block *grammar.Table, around []string)
	walk = func(block *grammar.Table, around []string) {
		for _, row := range block.Rows {
			if len(needed(row)) > 0 {
				all = append(all, optionIn{row, around})
			}
			if row.Block != nil {
				line := row.Name
				if opened, ok := opening[row.Name]; ok {
					line = opened
				}
				walk(row.Block, append(slices.Clone(around), line))
			}
		}
	}
	for _, section := range documented() {
		walk(section.Block, section.Around)
	}
	return all
}

// needed returns the values that an option requires, as its row shows them. Values in
// brackets are optional, and braces stand for a block.
func needed(row grammar.Row) []string {
	return strings.Fields(regexp.MustCompile(`\[.*?\]|\{.*\}`).ReplaceAllString(row.Args, ""))
}

// with returns the error of adapting a Caddyfile in which the option has these values.
func (o optionIn) with(values string) error {
	config := strings.Join(o.around, " {\n") + " {\n" + o.Name + " " + values + "\n" + strings.Repeat("}\n", len(o.around))
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	return err
}

// For each option that expands no placeholders, the error says so, and how to write an
// environment variable there. The tables in docs/configuration.md say which options these
// are.
func TestPlaceholdersThatNobodyExpands(t *testing.T) {
	expands := make(map[string]bool)
	for _, row := range markdown.Rows(markdown.Page(t, configurationPage)) {
		if name := strings.Trim(row[0], "`"); len(row) == 4 {
			expands[name] = row[3] != "no"
		}
	}
	// A word before a block is not an option in it.
	expands["gateway"], expands["budget"], expands["caller"], expands["transport"] = false, false, false, true
	refused := 0
	for _, o := range optionsWithValues() {
		name := o.Of.String() + " " + o.Name
		require.Contains(t, expands, o.Name, name)
		err := o.with(strings.Repeat("{env.PAYERMAX_TEST_UNSET} ", len(needed(o.Row))))
		if !expands[o.Name] {
			refused++
			require.Error(t, err, name)
			assert.Contains(t, err.Error(), o.Name, name)
			assert.Contains(t, err.Error(), "placeholders are not expanded here: write {$PAYERMAX_TEST_UNSET}", name)
		} else if err != nil {
			assert.Regexp(t, `gateway is required|this program has no module|expected transport http`, err.Error(), name)
		}
	}
	assert.Greater(t, refused, 30)
}

// For each option, the error names the option and how to write an environment variable.
// This holds if the variable is not set, is written as in a shell, or lacks the prefix
// that says what it is.
func TestVariablesThatNobodyExpands(t *testing.T) {
	const written = `\{\$\w+\}|\{env\.\w+\}`
	options := optionsWithValues()
	require.Greater(t, len(options), 50)
	for _, o := range options {
		name := o.Of.String() + " " + o.Name
		err := o.with("{$PAYERMAX_TEST_UNSET}")
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), o.Name, name)
		assert.Regexp(t, `variable is not set|check that NAME is set`, err.Error(), name)
		assert.Regexp(t, written, err.Error(), name)

		for _, variable := range []string{"${PAYERMAX_TEST_UNSET}", "{PAYERMAX_TEST_UNSET}"} {
			if o.PerRequest && variable[0] != '$' {
				continue // Caddy's map directive may have defined such a placeholder
			}
			err := o.with(strings.Repeat(variable+" ", len(needed(o.Row))))
			require.Error(t, err, name)
			assert.Contains(t, err.Error(), o.Name+": "+variable+" is not expanded; in a Caddyfile, write the environment variable PAYERMAX_TEST_UNSET as ", name)
			assert.Regexp(t, written, err.Error(), name)
		}
	}
}
