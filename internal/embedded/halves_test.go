package embedded

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMismatch(t *testing.T) {
	for halves, says := range map[Halves]string{
		{}:                                      "",
		{Sandboxes: 1}:                          "",
		{ByFile: 1}:                             "",
		{Sandboxes: 2, Verifying: 1}:            "",
		{Sandboxes: 1, Verifying: 1, ByFile: 1}: "",
		{Verifying: 1}:                          "has gateway sandbox, so that every notification is refused",
		{Verifying: 1, ByFile: 1}:               "has gateway sandbox, so that every notification is refused",
		{Sandboxes: 1, ByFile: 2}:               "signs with a key of its own",
	} {
		message, next := halves.Mismatch()
		if says == "" {
			assert.Empty(t, message+next, "%+v", halves)
			continue
		}
		assert.Contains(t, message, says, "%+v", halves)
		assert.Contains(t, next, "write ", "%+v", halves)
	}
}
