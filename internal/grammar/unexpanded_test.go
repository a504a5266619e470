package grammar

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnexpanded(t *testing.T) {
	assert.Contains(t, Unexpanded("uat", "{env.PAYERMAX_TIMEOUT}"), "write {$PAYERMAX_TIMEOUT}")
	assert.Contains(t, Unexpanded("https://{env.HOST}:443"), "write {$HOST}")
	assert.Contains(t, Unexpanded("{file./run/timeout}"), "{$NAME}")
	assert.Empty(t, Unexpanded("30s", ""))
	assert.Empty(t, Unexpanded())
}
