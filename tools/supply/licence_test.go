package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	mozilla = `This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a copy of the MPL was
not distributed with this file, You can obtain one at http://mozilla.org/MPL/2.0/.`
	gnu = `This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later version.`
)

func TestReadLicence(t *testing.T) {
	apache, err := os.ReadFile("../../LICENSE")
	require.NoError(t, err)
	bsd, err := os.ReadFile(filepath.Join(moduleFolder(t, "github.com/google/licensecheck"), "LICENSE"))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		files map[string]string
		want  licence
		fails string
	}{
		"one": {
			files: map[string]string{"LICENSE": string(apache), "licence.go": gnu},
			want:  licence{ids: []string{"Apache-2.0"}, files: []string{"LICENSE"}},
		},
		"a notice": {
			files: map[string]string{"LICENSE.txt": string(apache), "NOTICE.txt": "Copyright somebody"},
			want:  licence{ids: []string{"Apache-2.0"}, files: []string{"LICENSE.txt"}, notices: []string{"NOTICE.txt"}},
		},
		"two in one file": {
			files: map[string]string{"COPYING": string(bsd) + "\n" + string(apache)},
			want:  licence{ids: []string{"Apache-2.0", "BSD-3-Clause"}, files: []string{"COPYING"}},
		},
		"another one above a linked package": {
			files: map[string]string{"LICENSE": string(apache), "copied/LICENCE": string(bsd)},
			want:  licence{ids: []string{"Apache-2.0", "BSD-3-Clause"}, files: []string{"LICENSE", "copied/LICENCE"}},
		},
		"another one of what is not linked": {
			files: map[string]string{"LICENSE": string(apache), "examples/LICENSE": gnu},
			want:  licence{ids: []string{"Apache-2.0"}, files: []string{"LICENSE"}},
		},
		"copyleft": {
			files: map[string]string{"LICENSE": gnu},
			fails: "its licence GPL-2.0-or-later is not one of those that are accepted",
		},
		"copyleft of files, above a linked package": {
			files: map[string]string{"LICENSE": string(apache), "copied/LICENSE": mozilla},
			fails: "its licence MPL-2.0 is not one of those that are accepted",
		},
		"none": {
			files: map[string]string{"README.md": string(apache)},
			fails: "it has no licence that is known",
		},
		"nobody knows it": {
			files: map[string]string{"LICENSE": string(apache), "LICENSE.more": "You may do with it what our lawyers like."},
			fails: "LICENSE.more: only 0 % of it is the text of a known licence; read it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := writeFiles(t, test.files)
			m := &module{folder: folder, folders: map[string]bool{folder: true}}
			if copied := filepath.Join(folder, "copied"); exists(copied) {
				m.folders[copied] = true
			}
			err := m.readLicence()
			if test.fails != "" {
				assert.EqualError(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, m.licence)
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The page names the accepted licences.
func TestAcceptedLicencesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/supply-chain.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "not one of these: "+strings.Join(accepted, ", ")+".")
}

// A licence exempted for a package that is not linked counts once that package is linked.
func TestExemptionForPackageThatIsNotLinked(t *testing.T) {
	for _, exception := range notLinked {
		m := &module{path: exception.module, packages: []string{exception.module}}
		assert.True(t, m.concernsNothingLinked(exception.licence))
		assert.False(t, m.concernsNothingLinked("GPL-2.0-or-later"))
		m.packages = append(m.packages, exception.pkg)
		assert.False(t, m.concernsNothingLinked(exception.licence))
		assert.False(t, (&module{path: "example.com/other"}).concernsNothingLinked(exception.licence))
	}
}

// The error names all modules that may not be linked at once.
func TestReadLicences(t *testing.T) {
	folder := writeFiles(t, map[string]string{"LICENSE": gnu})
	bad := func(path string) *module {
		return &module{path: path, version: "v1.0.0", folder: folder, folders: map[string]bool{folder: true}}
	}
	err := readLicences([]*module{bad("example.com/a"), {path: ownModules, own: true}}, []*module{bad("example.com/b")})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "example.com/a v1.0.0: its licence GPL-2.0-or-later")
	assert.Contains(t, err.Error(), "example.com/b v1.0.0: its licence GPL-2.0-or-later")
}
