//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// ownerOf returns the IDs of the user and of the group that a file belongs to.
func ownerOf(info fs.FileInfo) (user, group uint32, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, 0, false
	}
	return stat.Uid, stat.Gid, true
}
