package keys

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Once a key is in memory, the process can be neither dumped nor traced.
func TestMemoryIsNotDumpable(t *testing.T) {
	require.NoError(t, unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
	open(t, Config{Source: inFile(t, testkeys.WritePrivate(t, testkeys.Merchant()))})
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	require.NoError(t, err)
	assert.Zero(t, dumpable)
}
