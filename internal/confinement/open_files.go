package confinement

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// openElsewhere returns the regular files that this process has open for writing outside
// the directories where the paths let it create files. It can go on writing to them, but
// cannot rotate them. Standard input, output and error are left out, since whoever has
// redirected them rotates them.
func (p Paths) openElsewhere() []string {
	directories := slices.Clone(p.Write)
	for i, directory := range directories {
		if resolved, err := filepath.EvalSymlinks(directory); err == nil {
			directories[i] = resolved // as the kernel names open files
		}
	}
	descriptors, _ := os.ReadDir("/proc/self/fd")
	var files []string
	for _, descriptor := range descriptors {
		switch descriptor.Name() {
		case "0", "1", "2":
			continue
		}
		file, err := os.Readlink(filepath.Join("/proc/self/fd", descriptor.Name()))
		if err != nil || !isForWriting(descriptor.Name()) || isBelow(file, directories) {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// isForWriting reports whether a descriptor of this process is open for writing. The
// kernel shows its flags in octal.
func isForWriting(descriptor string) bool {
	content, _ := os.ReadFile(filepath.Join("/proc/self/fdinfo", descriptor))
	for line := range strings.Lines(string(content)) {
		if digits, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseInt(strings.TrimSpace(digits), 8, 64)
			return err == nil && int(flags)&(os.O_WRONLY|os.O_RDWR) != 0
		}
	}
	return false
}
