package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// licenceTexts returns the licences and notices that must be passed on with a binary: this
// repository's, found in folder, and those of each linked module.
func licenceTexts(folder string, linked []*module) ([]byte, error) {
	var texts bytes.Buffer
	if err := appendText(&texts, ownModules, filepath.Join(folder, "LICENSE")); err != nil {
		return nil, err
	}
	for _, m := range linked {
		if m.own {
			continue
		}
		for _, file := range slices.Concat(m.licence.files, m.licence.notices) {
			name := strings.TrimSpace(m.path+" "+m.version) + ": " + filepath.ToSlash(file)
			if err := appendText(&texts, name, filepath.Join(m.folder, file)); err != nil {
				return nil, err
			}
		}
	}
	return texts.Bytes(), nil
}

// appendText appends a file under the name of what it belongs to.
func appendText(texts *bytes.Buffer, name, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(texts, "==== %s\n\n%s\n\n", name, bytes.TrimSpace(text))
	return nil
}
