package validate

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reader in the pool keeps no byte of what it last read, which may have been personal data.
func TestReadersForgetWhatTheyRead(t *testing.T) {
	r := openReader(jsontext.Value(`{"userId":"U10001"}`))
	require.NoError(t, r.start())
	_, err := r.next()
	require.NoError(t, err)
	r.close()
	assert.Nil(t, r.raw)
	assert.Equal(t, bytes.Buffer{}, r.buffer)
	assert.Empty(t, r.decoder.UnreadBuffer())
}

// Each reader checks for itself that it has one complete object or array, whatever its caller
// has checked before.
func TestReadersTakeOneWholeValue(t *testing.T) {
	empty := newTable("a page")
	for _, raw := range []string{``, `{`, `{"a"`, `{"a":1`, `{"a":1,}`, `{"a":1]`, `{} 2`, `{}}`} {
		_, err := readObject(empty, nil, jsontext.Value(raw))
		require.Error(t, err, raw)
	}
	for _, raw := range []string{``, `[1`, `[`, `[1,]`, `[1}`, `[1] 2`, `[1]]`} {
		_, err := readArray(jsontext.Value(raw))
		require.Error(t, err, raw)
	}
}
