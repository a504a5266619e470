package grammar

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
)

// JSON does not pass the parser of the Caddyfile.
func TestCheckRefusesValuesOutsideTheirRange(t *testing.T) {
	day := caddy.Duration(24 * time.Hour)
	for want, house := range map[string]House{
		"": {},
		"cellar must be a size from 1KiB to 1GiB, but is 1023 bytes": {Cellar: 1023},
		"but is 1073741825 bytes":                                    {Cellar: 1<<30 + 1},
		"but is -1 bytes":                                            {Cellar: -1},
		"rent must be a duration from 1ms to 30d, but is 30ns; in JSON, a number without a unit counts nanoseconds": {Rent: 30},
		"but is 720h0m0.000000001s": {Rent: 30*day + 1},
		"but is -1ns":               {Rent: -1},
	} {
		err := houseOptions.Check(&house)
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, want)
	}
	for _, house := range []House{{Cellar: 1 << 10}, {Cellar: 1 << 30}, {Rent: caddy.Duration(time.Millisecond)}, {Rent: 30 * day}} {
		assert.NoError(t, houseOptions.Check(&house))
	}
}

func TestCheckKnowsTheRangesOfParts(t *testing.T) {
	type street struct{ House }
	lifted := Lift(houseOptions, func(s *street) *House { return &s.House })
	assert.ErrorContains(t, lifted.Check(&street{House{Rent: 30}}), "rent must be")
}
