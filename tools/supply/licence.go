package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// accepted are the licences that may be linked, by their SPDX identifiers. All are permissive: they
// require their text to be passed on with the binary, and ask nothing of its source. Read any other
// licence before adding it here.
var accepted = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-2-Clause-Views", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense", "Zlib"}

// notLinked are licences that a module's files name for only one of its packages, which is not
// linked. If the package ever is linked, its licence counts.
var notLinked = []struct{ module, licence, pkg string }{
	{"github.com/alecthomas/chroma/v2", "OFL-1.1", "github.com/alecthomas/chroma/v2/formatters/svg"}, // a font
}

// readByHand are licence files that the classifier gets wrong, keyed by the SHA-256 of their text,
// with the licences that they state. A changed file has to be read again.
var readByHand = map[string][]string{
	// libcap/psx: either BSD-3-Clause, in words of its own, or GPL-2.0-only.
	"279fa656c62857d42952b86a0789b98669ca1cb4b324a8d9e91397c174af4c14": {"BSD-3-Clause"},
}

// recognized is the percentage of a file that must consist of text of known licences. The module
// pages of pkg.go.dev use the same threshold.
const recognized = 75

var (
	licenceFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|third.party)`)
	noticeFile  = regexp.MustCompile(`(?i)^notice`)
	source      = regexp.MustCompile(`\.go$`)
)

// licence is what the files of a module say about its licence.
type licence struct {
	ids     []string // SPDX identifiers, sorted; if there are several, all of them apply
	files   []string // relative to the module
	notices []string // files that Apache-2.0 asks to pass on
}

// expression returns the licence as an SPDX expression.
func (l *licence) expression() string {
	return strings.Join(l.ids, " AND ")
}

// readLicences finds each module's licence. Its error names every module that may
// not be linked.
func readLicences(lists ...[]*module) error {
	var problems []error
	for _, m := range slices.Concat(lists...) {
		if m.own {
			continue // the repository's licence applies
		}
		if err := m.readLicence(); err != nil {
			problems = append(problems, fmt.Errorf("%s %s: %w", m.path, m.version, err))
		}
	}
	return errors.Join(problems...)
}

func (m *module) readLicence() error {
	m.licence = licence{}
	for _, folder := range slices.Sorted(maps.Keys(m.folders)) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.IsDir() || source.MatchString(entry.Name()) {
				continue
			}
			path := filepath.Join(folder, entry.Name())
			relative, err := filepath.Rel(m.folder, path)
			if err != nil {
				return err
			}
			switch {
			case noticeFile.MatchString(entry.Name()):
				m.licence.notices = append(m.licence.notices, relative)
			case licenceFile.MatchString(entry.Name()):
				ids, err := identify(path)
				if err != nil {
					return fmt.Errorf("%s: %w", relative, err)
				}
				m.licence.files = append(m.licence.files, relative)
				m.licence.ids = append(m.licence.ids, ids...)
			}
		}
	}
	slices.Sort(m.licence.ids)
	m.licence.ids = slices.DeleteFunc(slices.Compact(m.licence.ids), m.concernsNothingLinked)
	return m.judge()
}

// identify returns the licences whose texts a file contains.
func identify(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if ids, ok := readByHand[fmt.Sprintf("%x", sha256.Sum256(text))]; ok {
		return ids, nil
	}
	found := licensecheck.Scan(text)
	if found.Percent < recognized {
		return nil, fmt.Errorf("only %.0f %% of it is the text of a known licence; read it", found.Percent)
	}
	var ids []string
	for _, match := range found.Match {
		ids = append(ids, match.ID)
	}
	return ids, nil
}

func (m *module) concernsNothingLinked(id string) bool {
	for _, exception := range notLinked {
		if exception.module == m.path && exception.licence == id {
			return !slices.Contains(m.packages, exception.pkg)
		}
	}
	return false
}

func (m *module) judge() error {
	if len(m.licence.ids) == 0 {
		return errors.New("it has no licence that is known")
	}
	for _, id := range m.licence.ids {
		if !slices.Contains(accepted, id) {
			return fmt.Errorf("its licence %s is not one of those that are accepted", id)
		}
	}
	return nil
}
