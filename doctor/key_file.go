package doctor

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// checkFile checks who may read and change the file of a private key. It returns nothing
// if the file cannot be examined, since reading the key reports that.
func checkFile(name, path string, refuseWorldReadable bool) []Result {
	if signer.LooksLikeKey(path) {
		return nil // the path could be a key itself, so it must not be repeated
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return []Result{judgeFile(name, path, info, os.Geteuid(), refuseWorldReadable)}
}

// judgeFile is checkFile with the file's info and the user as arguments.
func judgeFile(name, path string, info fs.FileInfo, user int, refuseWorldReadable bool) Result {
	const (
		othersRead  = 0o004
		othersWrite = 0o002
	)
	mode := info.Mode().Perm()
	described := fmt.Sprintf("%s has mode %04o%s", path, mode, ownerInWords(info))
	switch {
	case mode&othersWrite != 0:
		return problem(name, "%s: every user may replace the key", described).then("chmod o-rw %s", signer.ShellPath(path))
	case mode&othersRead != 0 && refuseWorldReadable:
		return problem(name, "%s: every user may read the key, which refuse_world_readable forbids", described).then("chmod o-r %s", signer.ShellPath(path))
	case mode&othersRead != 0:
		return warning(name, "%s: every user may read the key", described).then("chmod o-r %s, or in Kubernetes defaultMode: 0400", signer.ShellPath(path))
	case user == 0:
		return ok(name, "%s; this user, root, may read any file", described).
			then("run this check as the sidecar's user to see whether the sidecar may read it")
	}
	return ok(name, "%s", described)
}

// ownerInWords returns the owner of a file as the end of a sentence, or "" if it is not
// known.
func ownerInWords(info fs.FileInfo) string {
	user, group, known := ownerOf(info)
	if !known {
		return ""
	}
	return fmt.Sprintf(" and belongs to user %d, group %d", user, group)
}
