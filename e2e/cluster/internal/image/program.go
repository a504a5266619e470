package image

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// library matches the paths in ldd's output.
var library = regexp.MustCompile(`(?m)(?:=> |^\s*)(/\S+) \(0x`)

// FromProgram returns an image that contains a program of this machine, at the path target, and the
// libraries that it is linked with.
func FromProgram(name, program, target string) (Image, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return Image{}, err
	}
	linked, err := exec.Command("ldd", path).CombinedOutput()
	if err != nil && !strings.Contains(string(linked), "not a dynamic executable") {
		return Image{}, fmt.Errorf("ldd %s: %w: %s", path, err, linked)
	}
	made := Image{Name: name, Env: []string{"PATH=/usr/bin"}}
	from := map[string]string{target: path}
	for _, found := range library.FindAllStringSubmatch(string(linked), -1) {
		from[found[1]] = found[1]
	}
	for to, path := range from {
		content, err := os.ReadFile(path)
		if err != nil {
			return Image{}, err
		}
		made.Files = append(made.Files, File{Path: strings.TrimPrefix(to, "/"), Content: content, Mode: 0o755})
	}
	return made, nil
}
