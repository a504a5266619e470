package grammar

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type Lock struct {
	Key string `json:"key"`
}

type House struct {
	Lock

	Name    string
	Secret  string
	Drawing string
	Plans   []string
	Rooms   []string
	Cellar  int64
	Rent    caddy.Duration
	Scale   float64
	Empty   bool
	Garden  *Garden
	Floors  []Floor
	Tenants map[string]Tenant
	Left    int
	Right   int
	Visitor string

	hidden string
}

type (
	Garden struct{ Trees []string }
	Floor  struct{ Colour string }
	Tenant struct{ Pet string }
)

var lockOptions = Block[Lock]{{Name: "key", Args: "<key>", Sets: Text(func(l *Lock) *string { return &l.Key })}}

var houseOptions = slices.Concat(Block[House]{
	{Name: "name", Args: "<name>", Example: "name Villa", ShortFor: "title <name>", Sets: Text(func(h *House) *string { return &h.Name })},
	{Name: "secret", Args: "<placeholder>", Sets: Placeholder(func(h *House) *string { return &h.Secret })},
	{Name: "drawing", Sets: Path(func(h *House) *string { return &h.Drawing })},
	{Name: "plans", Sets: Paths(func(h *House) *[]string { return &h.Plans })},
	{Name: "rooms", Args: "<names...>", AsWritten: true, Sets: Names(func(h *House) *[]string { return &h.Rooms })},
	{Name: "cellar", Sets: Size(func(h *House) *int64 { return &h.Cellar }, Range{"1KiB", "1GiB"})},
	{Name: "rent", Sets: Duration(func(h *House) *caddy.Duration { return &h.Rent }, Range{"1ms", "30d"})},
	{Name: "scale", Sets: Factor(func(h *House) *float64 { return &h.Scale })},
	{Name: "empty", Sets: Flag(func(h *House) *bool { return &h.Empty })},
	{Name: "garden", Sets: Nested(func(h *House) **Garden { return &h.Garden }, Block[Garden]{
		{Name: "trees", Sets: Names(func(g *Garden) *[]string { return &g.Trees })},
	})},
	{Name: "floor", Sets: List(func(h *House) *[]Floor { return &h.Floors }, nil, Block[Floor]{
		{Name: "colour", Sets: Text(func(f *Floor) *string { return &f.Colour })},
	})},
	{Name: "tenant", Args: "<name>", Sets: Map(func(h *House) *map[string]Tenant { return &h.Tenants }, Block[Tenant]{
		{Name: "pet", Sets: Text(func(t *Tenant) *string { return &t.Pet })},
	})},
	{Name: "neighbours", Sets: By(func(d *caddyfile.Dispenser, h *House) error {
		h.Left, h.Right = 1, len(d.RemainingArgs())
		return nil
	}, func(h *House) any { return &h.Left }, func(h *House) any { return &h.Right })},
	{Name: "visitor", Args: "<name>", PerRequest: true, Sets: Text(func(h *House) *string { return &h.Visitor })},
	{Name: "hidden", Sets: Text(func(h *House) *string { return &h.hidden })},
}, Lift(lockOptions, func(h *House) *Lock { return &h.Lock }))

func read(config string) (House, error) {
	var h House
	d := caddyfile.NewTestDispenser(config)
	d.Next()
	return h, houseOptions.Read(d, &h)
}

func TestRead(t *testing.T) {
	for config, want := range map[string]House{
		"house":                             {},
		"house {\n}":                        {},
		"name Villa":                        {Name: "Villa"},
		"secret {env.SECRET}":               {Secret: "{env.SECRET}"},
		"drawing /srv/drawing":              {Drawing: "/srv/drawing"},
		"plans a b\nplans c":                {Plans: []string{"a", "b", "c"}},
		"rooms hall\nrooms attic loft":      {Rooms: []string{"hall", "attic", "loft"}},
		"cellar 64KiB":                      {Cellar: 65536},
		"rent 1d":                           {Rent: caddy.Duration(24 * time.Hour)},
		"scale 0.5":                         {Scale: 0.5},
		"empty":                             {Empty: true},
		"key brass":                         {Lock: Lock{"brass"}},
		"garden":                            {Garden: &Garden{}},
		"garden {\ntrees oak elm\n}\nempty": {Garden: &Garden{[]string{"oak", "elm"}}, Empty: true},
		"floor {\ncolour red\n}\nfloor":     {Floors: []Floor{{"red"}, {}}},
		"tenant a {\npet cat\n}\ntenant b":  {Tenants: map[string]Tenant{"a": {"cat"}, "b": {}}},
		"visitor {guest}":                   {Visitor: "{guest}"},
		"neighbours x y z":                  {Left: 1, Right: 3},
	} {
		if config[:5] != "house" {
			config = "house {\n" + config + "\n}"
		}
		h, err := read(config)
		require.NoError(t, err, config)
		assert.Equal(t, want, h, config)
	}
}

func TestReadRefuses(t *testing.T) {
	const pem = "-----BEGIN PRIVATE KEY-----"
	for option, says := range map[string]string{
		"name":                     `name has no value: expected name <name>, such as "name Villa"; if a value comes from {$NAME}, check that NAME is set`,
		"name a b":                 `name has 2 values: expected name <name>, such as "name Villa"; a value with spaces needs quotes`,
		"name ${VILLA}":            "name: ${VILLA} is not expanded; in a Caddyfile, write the environment variable VILLA as {$VILLA}",
		"name {VILLA}":             "name: {VILLA} is not expanded; in a Caddyfile, write the environment variable VILLA as {$VILLA}",
		"rooms hall,attic":         "rooms: one value is a list; write several values with spaces between them, without commas",
		"rooms \"hall attic\"":     "rooms: one value is a list",
		"rooms a x{VILLA}":         "rooms: {VILLA} is not expanded",
		"rooms {env.VILLA}":        "rooms is taken as it is written; placeholders are not expanded here: write {$VILLA} in the Caddyfile, which takes the variable's value when the file is read",
		"rooms a {file./villa}":    "rooms is taken as it is written; placeholders are not expanded here: write the value, or {$NAME} in the Caddyfile",
		"secret {VILLA}":           "secret: {VILLA} is not expanded; in a Caddyfile, write the environment variable VILLA as {env.VILLA}",
		"visitor ${VILLA}":         "visitor: ${VILLA} is not expanded; in a Caddyfile, write the environment variable VILLA as {$VILLA}",
		"name a\nname b":           "name is already set",
		"name a {\nempty\n}":       "name takes no block; write title <name> instead, which may have one",
		"empty {\nrooms hall\n}":   "empty takes no block, at Testfile:3",
		"rooms hall {\nempty\n}":   "rooms takes no block",
		`name ""`:                  "name is empty; set it, or leave it out; if a value comes from {$NAME}, check that NAME is set",
		`secret ""`:                "secret is empty",
		`drawing ""`:               "drawing is empty",
		"secret open sesame":       "secret has 2 values: expected secret <placeholder>; a value with spaces needs quotes",
		"secret sesame":            "secret: expected a placeholder such as",
		`drawing "` + pem + `"`:    "the value looks like a key itself",
		`plans a "` + pem + `"`:    "the value looks like a key itself",
		"rooms":                    "rooms has no value: expected rooms <names...>",
		"cellar deep":              `cellar must be a size from 1KiB to 1GiB, such as 64KiB, but is "deep"`,
		"cellar 0":                 `cellar must be a size from 1KiB to 1GiB, such as 64KiB, but is "0"; leave the option out to get its default`,
		"cellar 9EiB":              `cellar must be a size from 1KiB to 1GiB, such as 64KiB, but is "9EiB"`,
		"cellar 1KiB\ncellar 2KiB": "cellar is already set",
		"cellar 64":                `cellar must be a size from 1KiB to 1GiB, such as 64KiB, but is "64"; write a unit after the number`,
		"cellar 1TB":               `but is "1TB"`,
		"rent -1s":                 `rent must be a duration from 1ms to 30d, such as 30s, but is "-1s"`,
		"rent 0s":                  `but is "0s"; leave the option out to get its default`,
		"rent 20":                  `but is "20"; write a unit after the number`,
		"rent 1.5":                 `but is "1.5"; write a unit after the number`,
		"rent 999us":               `but is "999us"`,
		"rent 31d":                 `but is "31d"`,
		"scale 0":                  `scale must be a positive number such as 1000, but is "0"`,
		"scale inf":                `scale must be a positive number such as 1000, but is "inf"`,
		"scale nan":                `scale must be a positive number such as 1000, but is "nan"`,
		"empty yes":                "empty takes no value, but has one value; remove what follows it",
		"garden large":             "unexpected argument after garden, which takes its options in a block",
		"garden\ngarden":           "garden is already set",
		"garden {\ntree oak\n}":    "unrecognized subdirective tree; did you mean trees?",
		"floor first":              "unexpected argument after floor, which takes its options in a block",
		"tenant":                   "tenant has no value: expected tenant <name>",
		`tenant ""`:                "tenant is empty",
		"tenant a\ntenant a":       "tenant a is already set",
		"tenant a {\nweather\n}":   "unrecognized subdirective weather; expected one of pet, at Testfile:3",
		"name = Villa":             "name: remove the =; a value follows the name after a space",
		"name " + pem:              "the value of name looks like a key itself; save the key to a file and name that",
		"drawing " + pem:           "the value of drawing looks like a key itself",
		"empty " + pem:             "the value of empty looks like a key itself",
		"plans a " + pem:           "the value looks like a key itself",
		"name=Villa":               "unrecognized subdirective *** (which is not repeated here, since it may be secret); write a space in place of the = after name",
		"trees oak":                "unrecognized subdirective trees; it belongs in garden { }, at Testfile:2",
		"garden {\ncolour red\n}":  "unrecognized subdirective colour; it belongs in floor { }, at Testfile:3",
		"garden {\nrooms hall\n}":  "unrecognized subdirective rooms; it belongs beside garden, not in its block, at Testfile:3",
		"draw":                     "unrecognized subdirective draw; did you mean drawing?",
		"keys":                     "unrecognized subdirective keys; did you mean key?",
		"temperature":              "unrecognized subdirective temperature; expected one of name, secret, drawing, plans, rooms, cellar, rent, scale, empty, garden, floor, tenant, neighbours, visitor, hidden, key",
	} {
		_, err := read("house {\n" + option + "\n}")
		assert.ErrorContains(t, err, says, option)
	}
	_, err := read("house large")
	assert.ErrorContains(t, err, "unexpected argument after house, which takes its options in a block")
}

// Several Caddyfiles may be read concurrently, for example by the admin endpoint's /adapt:
// the options are shared, and are never modified.
func TestReadAtOnce(t *testing.T) {
	options := Block[House]{{Name: "floor", Sets: List(func(h *House) *[]Floor { return &h.Floors }, nil, Block[Floor]{
		{Name: "colour", Sets: Text(func(f *Floor) *string { return &f.Colour })},
	})}}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			house := new(House)
			d := caddyfile.NewTestDispenser("house {\nfloor {\ncolour red\n}\n}")
			d.Next()
			assert.NoError(t, options.Read(d, house))
			assert.Equal(t, []Floor{{"red"}}, house.Floors)
		})
	}
	readers.Wait()
}

func TestDescribe(t *testing.T) {
	table := houseOptions.Describe()
	assert.Equal(t, "House", table.Of.Name())

	rows := make(map[string]Row)
	for _, row := range table.Rows {
		rows[row.Name] = row
	}
	name := rows["name"]
	assert.Equal(t, []string{"<name>", "title <name>", "name Villa"}, []string{name.Args, name.ShortFor, name.Example})

	fields := func(option string) (names []string) {
		for _, f := range rows[option].Fields {
			names = append(names, rows[option].Of.Name()+"."+f.Name)
		}
		return names
	}
	assert.Equal(t, []string{"House.Name"}, fields("name"))
	assert.Equal(t, []string{"House.Left", "House.Right"}, fields("neighbours"))
	assert.Equal(t, []string{"House.Tenants"}, fields("tenant"))
	assert.Equal(t, []string{"Lock.Key"}, fields("key"), "of the part that the row was written for")
	assert.Empty(t, fields("hidden"))

	for option, of := range map[string]string{"garden": "Garden", "floor": "Floor", "tenant": "Tenant"} {
		require.NotNil(t, rows[option].Block, option)
		assert.Equal(t, of, rows[option].Block.Of.Name())
	}
	assert.Equal(t, "pet", rows["tenant"].Block.Rows[0].Name)
	assert.Nil(t, rows["name"].Block)
}
