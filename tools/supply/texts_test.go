package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The texts passed on with the binary contain every licence and every notice of every linked
// module, word for word.
func TestLicenceTexts(t *testing.T) {
	b, err := shipped()
	require.NoError(t, err)
	linked, err := b.linked(repository)
	require.NoError(t, err)
	require.NoError(t, readLicences(linked))
	texts, err := licenceTexts(repository, linked)
	require.NoError(t, err)

	files := 0
	for _, m := range linked {
		for _, file := range append(append([]string{}, m.licence.files...), m.licence.notices...) {
			if m.own {
				continue
			}
			text, err := os.ReadFile(filepath.Join(m.folder, file))
			require.NoError(t, err)
			assert.True(t, strings.Contains(string(texts), strings.TrimSpace(string(text))), "%s lacks %s", m.path, file)
			files++
		}
	}
	assert.Greater(t, files, 100)
	assert.Equal(t, files+1, strings.Count(string(texts), "\n==== ")+1)
	own, err := os.ReadFile(filepath.Join(repository, "LICENSE"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(texts), "==== "+ownModules+"\n\n"+strings.TrimSpace(string(own))))
}
