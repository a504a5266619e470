package image

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// FromDockerfile returns the image that the last stage of a Dockerfile describes. COPY sources
// below /src are taken from the Dockerfile's directory; all others are taken from built, keyed by
// their path in the build.
func FromDockerfile(file string, built map[string][]byte) (Image, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Image{}, err
	}
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAll(text, nil)
	stages := strings.Split(strings.ReplaceAll(string(text), "\\\n", " "), "\nFROM ")
	made := stage{source: filepath.Dir(file), built: built}
	for line := range strings.Lines(stages[len(stages)-1]) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := made.follow(name, rest); err != nil {
			return Image{}, fmt.Errorf("%s: %s: %w", file, name, err)
		}
	}
	return made.image, nil
}

// stage is an image while it is being built.
type stage struct {
	image  Image
	source string
	built  map[string][]byte
}

// follow executes one instruction.
func (s *stage) follow(name, rest string) error {
	switch name {
	case "", "scratch", "ARG", "EXPOSE", "LABEL": // these only inform people
		return nil
	case "HEALTHCHECK": // Kubernetes ignores it
		return nil
	case "COPY":
		return s.copy(strings.Fields(rest))
	case "ENV":
		s.image.Env = append(s.image.Env, strings.Fields(rest)...)
		return nil
	case "USER":
		s.image.User = rest
		return nil
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(rest), &s.image.Entrypoint)
	case "CMD":
		return json.Unmarshal([]byte(rest), &s.image.Cmd)
	default:
		return fmt.Errorf("an instruction that is not known here")
	}
}

func (s *stage) copy(words []string) error {
	owner := 0
	for strings.HasPrefix(words[0], "--") {
		if user, isOwner := strings.CutPrefix(words[0], "--chown="); isOwner {
			user, _, _ = strings.Cut(user, ":")
			owner, _ = strconv.Atoi(user)
		}
		words = words[1:]
	}
	if len(words) != 2 {
		return fmt.Errorf("expected a source and a target, but got %q", words)
	}
	from, to := words[0], words[1]
	if strings.HasSuffix(to, "/") {
		to += path.Base(from)
	}
	file := File{Path: strings.TrimPrefix(to, "/"), Mode: 0o755, Owner: owner}
	content, isBuilt := s.built[from]
	switch inSource, isSource := strings.CutPrefix(from, "/src/"); {
	case from == "/empty":
		file.Folder = true
	case isBuilt:
		file.Content = content
	case isSource:
		text, err := os.ReadFile(filepath.Join(s.source, inSource))
		if err != nil {
			return err
		}
		file.Content, file.Mode = text, 0o644
	default:
		return fmt.Errorf("%s is not in the build", from)
	}
	s.image.Files = append(s.image.Files, file)
	return nil
}
