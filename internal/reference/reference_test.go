package reference

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// Shop sells things.
type Shop struct {
	// What is written above the door, in the letters of OpeningHours. Default:
	// `Shop`. Placeholders are expanded when the config is loaded.
	SignBoard string `json:"sign_board,omitempty"`

	// When it is open. Required.
	OpeningHours []string `json:"hours,omitempty"`

	// Who works there.
	Staff *Staff `json:"staff,omitempty"`
}

// Staff are the people.
type Staff struct {
	// Who is the boss.
	Boss string `json:"boss,omitempty"`
}

// What stands in the street.
type Stall struct {
	Undocumented bool `json:"undocumented,omitempty"`

	// What JSON does not have.
	Unnamed bool
}

// shopOptions and shopPage are valid.
var shopOptions = grammar.Block[Shop]{
	{
		Name: "sign_board", Args: "<text>", Example: "sign_board Greengrocer",
		Sets: grammar.Text(func(s *Shop) *string { return &s.SignBoard }),
	},
	{
		Name: "open", Args: "<hours...>", Example: "open 8-12\nopen 14-18",
		Sets: grammar.Names(func(s *Shop) *[]string { return &s.OpeningHours }),
	},
	{
		Name: "staff", Example: "staff {\n\tboss Ann\n}",
		Sets: grammar.Nested(func(s *Shop) **Staff { return &s.Staff }, grammar.Block[Staff]{{
			Name: "boss", Args: "<name>", Example: "boss Ann",
			Sets: grammar.Text(func(s *Staff) *string { return &s.Boss }),
		}}),
	},
}

const shopPage = `{{doc "shop" "A shop"}}

{{table "shop"}}

{{options "shop"}}
{{- define "shop/open"}}
On Sundays it is closed.
{{end}}

{{options "shop/staff"}}

{{endpoints}}
`

// written returns the page about a block inside a site.
func written(template string, block *grammar.Table) (*Page, error) {
	return write(template, "../..", []Section{{Name: "shop", Block: block, Around: []string{":8080", "shop"}}},
		[]Endpoint{{Name: "refund", Version: "1.4", Rules: []string{"1.4", "1.5"}, MovesMoney: true}})
}

// The page contains the texts of the rows, the doc comments and the template.
func TestWrite(t *testing.T) {
	page, err := written(shopPage, shopOptions.Describe())
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/shop.md")
	require.NoError(t, err)
	assert.Equal(t, string(want), page.Text)
	assert.Equal(t, []Example{
		{"sign_board", []string{"sign_board"}, ":8080 {\n\tshop {\n\t\tsign_board Greengrocer\n\t}\n}\n"},
		{"open", []string{"hours"}, ":8080 {\n\tshop {\n\t\topen 8-12\n\t\topen 14-18\n\t}\n}\n"},
		{"staff", []string{"staff"}, ":8080 {\n\tshop {\n\t\tstaff {\n\t\t\tboss Ann\n\t\t}\n\t}\n}\n"},
		{"boss", []string{"boss"}, ":8080 {\n\tshop {\n\t\tstaff {\n\t\t\tboss Ann\n\t\t}\n\t}\n}\n"},
	}, page.Examples)
}

// A new option appears on the page even if the template does not mention it.
func TestWriteNewOption(t *testing.T) {
	page, err := written(shopPage, append(slices.Clone(shopOptions), grammar.Option[Shop]{
		Name: "sign", Args: "<text>", Example: "sign Greengrocer",
		Sets: grammar.Text(func(s *Shop) *string { return &s.SignBoard }),
	}).Describe())
	require.NoError(t, err)
	assert.Contains(t, page.Text, "\n| `sign` | `sign_board` | `Shop` | when the config is loaded |\n")
	assert.Contains(t, page.Text, "\n\n### `sign`\n\n`sign <text>`, such as `sign Greengrocer`\n\nWhat is written above the door,")
}

// Where a text is about one of several fields, the page names the field.
func TestWriteNamesFields(t *testing.T) {
	page, err := written(shopPage+`{{field "shop" "OpeningHours"}}`, append(slices.Clone(shopOptions), grammar.Option[Shop]{
		Name: "sign", Args: "<text> [<hours>]", Example: "sign Greengrocer 8-12",
		Sets: grammar.By(func(*caddyfile.Dispenser, *Shop) error { return nil },
			func(s *Shop) any { return &s.SignBoard }, func(s *Shop) any { return &s.OpeningHours }),
	}).Describe())
	require.NoError(t, err)
	assert.Contains(t, page.Text, "such as `sign Greengrocer 8-12`\n\n- `sign_board`: What is written above the door,")
	assert.Contains(t, page.Text, "\n\n- `hours`: When it is open. Required.\n\n")
	assert.True(t, strings.HasSuffix(page.Text, "\n- `hours`: When it is open. Required."), page.Text)
}

// Mistakes in an option, or in the page about it, are detected.
func TestWriteNotices(t *testing.T) {
	withOption := func(option grammar.Option[Shop]) *grammar.Table {
		return append(slices.Clone(shopOptions), option).Describe()
	}
	stall := func(field func(*Stall) *bool) *grammar.Table {
		return grammar.Block[Stall]{{Name: "stall", Example: "stall", Sets: grammar.Flag(field)}}.Describe()
	}
	without := func(text string) string { return strings.Replace(shopPage, text, "", 1) }
	for name, test := range map[string]struct {
		template string
		block    *grammar.Table
		says     string
	}{
		"an option that is there twice": {
			shopPage, withOption(shopOptions[0]),
			"shop has two options sign_board",
		},
		"an option that sets nothing": {
			shopPage, withOption(grammar.Option[Shop]{
				Name: "close", Example: "close",
				Sets: grammar.By(func(*caddyfile.Dispenser, *Shop) error { return nil }),
			}),
			"option close sets no field of Shop",
		},
		"an option that sets what JSON does not have": {
			`{{options "shop"}}`, stall(func(s *Stall) *bool { return &s.Unnamed }),
			"option stall: Stall.Unnamed has no name in JSON",
		},
		"a field without a doc comment": {
			`{{options "shop"}}`, stall(func(s *Stall) *bool { return &s.Undocumented }),
			"option stall: Stall.Undocumented has no doc comment",
		},
		"an example of something else": {
			shopPage, withOption(grammar.Option[Shop]{
				Name: "sign", Args: "<text>", Example: "sign_board Greengrocer",
				Sets: grammar.Text(func(s *Shop) *string { return &s.SignBoard }),
			}),
			"the example of option sign does not show it",
		},
		"a field without an option": {
			`{{options "shop"}}`, shopOptions[:1].Describe(),
			"the page lacks reference.Shop.OpeningHours, which no option sets",
		},
		"a field of a nested struct without an option": {
			`{{options "shop"}}`, shopOptions[:1].Describe(),
			"the page lacks reference.Staff.Boss, which no option sets",
		},
		"options that the page does not show": {
			without(`{{options "shop/staff"}}`), shopOptions.Describe(),
			"the page lacks the option boss of shop/staff",
		},
		"an addition to an option that is gone": {
			shopPage + `{{define "shop/close"}}At night.{{end}}`, shopOptions.Describe(),
			"there is no option shop/close; take it out of the page",
		},
		"a section that is gone": {
			shopPage + `{{table "kiosk"}}`, shopOptions.Describe(),
			"there is no section kiosk",
		},
		"a part that is gone": {
			shopPage + `{{table "shop" "Kiosk"}}`, shopOptions.Describe(),
			"section shop has no options of Kiosk",
		},
		"a field that is gone": {
			shopPage + `{{field "shop" "Till"}}`, shopOptions.Describe(),
			"there is no field Shop.Till",
		},
		"another name in a comment": {
			`{{doc "shop" "It"}}`, grammar.Block[Stall]{}.Describe(),
			"the comment of Stall does not begin with its name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := written(test.template, test.block)
			assert.ErrorContains(t, err, test.says)
		})
	}
}

func TestReflow(t *testing.T) {
	long := strings.Repeat("word ", 40)
	for line := range strings.Lines(reflow(long)) {
		assert.LessOrEqual(t, len(line), pageWidth+1)
	}
	assert.Equal(t, "- one two\n- three", reflow("  - one\n    two\n  - three"))
	assert.Equal(t, "a | b\n---|---\nc | d", reflow("a | b\n---|---\nc | d"))
}
