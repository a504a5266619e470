package inflight

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDefaultBound(t *testing.T) {
	for name, test := range map[string]struct {
		limit int64
		want  int
	}{
		"GOMEMLIMIT of the manifests": {160 << 20, 500},
		"90 % of 192 MiB":             {192 << 20 * 9 / 10, 564},
		"192 MiB":                     {192 << 20, 660},
		"1 GiB":                       {1 << 30, 4820},
		"less than the process takes": {32 << 20, 20},
		"just enough":                 {64 << 20, 20},
		"plenty":                      {64 << 30, 10_000},
		"no limit":                    {math.MaxInt64, 10_000},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, boundWithin(test.limit)) })
	}
}
