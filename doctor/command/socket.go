package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// longestSocket is the maximum length of a Unix socket's path in bytes: the kernel's
// address has room for one more, the terminating zero.
const longestSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

// describeSockets reports which Unix sockets of the config's sites Caddy could not
// create, and which ones other users could replace.
func (c configTree) describeSockets(name string) []doctor.Result {
	var results []doctor.Result
	for _, path := range c.sockets() {
		if outcome, message, next := judgeSocket(path); message != "" {
			results = append(results, found(name, "port", outcome, message, next))
		}
	}
	return results
}

// sockets returns the paths of the Unix sockets that the config's sites listen on,
// without abstract sockets, whose names begin with @ and which are not in the file
// system.
func (c configTree) sockets() []string {
	var paths []string
	for _, server := range c.servers() {
		for _, address := range addressesOf(layout.Texts(server["listen"])) {
			if !address.IsUnixNetwork() || strings.HasPrefix(address.Host, "@") {
				continue
			}
			path, _, _ := strings.Cut(address.Host, "|") // the mode follows it
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// judgeSocket reports what is wrong with the path of a socket. The message is "" if
// nothing is wrong.
func judgeSocket(path string) (outcome doctor.Outcome, message, next string) {
	const othersWrite = 0o002
	directory := filepath.Dir(path)
	info, err := os.Stat(directory)
	switch {
	case len(path) > longestSocket:
		return doctor.Problem, fmt.Sprintf("the path of the socket has %d bytes, and the system allows %d", len(path), longestSocket), "choose a shorter path, such as /run/payermax/payermax.sock"
	case errors.Is(err, fs.ErrNotExist):
		return doctor.Problem, "there is no directory " + directory, "create it so that only the sidecar may write to it; systemd does so with RuntimeDirectory"
	case err != nil:
		return doctor.Problem, "the directory " + directory + " of the socket cannot be looked at: " + reasonOf(err), "let the sidecar's user enter it"
	case !info.IsDir():
		return doctor.Problem, directory + " is not a directory, so there can be no socket in it", "choose another path for the socket"
	}
	if err := tryWriting(directory); err != nil {
		return doctor.Problem, "this user cannot make a socket in " + directory + ": " + reasonOf(err), "let the sidecar's user, and nobody else, write to that directory"
	}
	switch existing, err := os.Lstat(path); {
	case err == nil && existing.IsDir():
		return doctor.Problem, path + " is a directory, so there can be no socket", "choose another path for the socket"
	case err == nil && existing.Mode()&fs.ModeSocket == 0:
		return doctor.Problem, path + " is there already and is not a socket; Caddy deletes it when it starts", "move that file away, or choose another path for the socket"
	case info.Mode().Perm()&othersWrite != 0:
		return doctor.Warning, "every user may write to " + directory + ", and put a socket of their own in place of the sidecar's", "choose a directory that only the sidecar may write to"
	}
	return doctor.OK, "", ""
}
