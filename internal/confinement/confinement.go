// Package confinement restricts the process to a set of files with Landlock, a feature of
// the Linux kernel.
package confinement

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"go.uber.org/zap"
)

// process holds the restriction of this process, whichever config asked for it.
var process struct {
	mutex sync.Mutex
	held  *Paths // nil if the process is not confined
}

// Explain adds the confinement as the reason to an error about a file, if the process is
// confined and permission was denied. Code that reads a file for a config passes its
// errors through Explain.
func Explain(err error) error {
	process.mutex.Lock()
	defer process.mutex.Unlock()
	if process.held == nil || !errors.Is(err, os.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; payermax_landlock confines this process to the files of the config that it began with, so restart it", err)
}

// Allows returns an error if a config needs a path that the confined process cannot
// access any more.
func Allows(needed Paths) error {
	process.mutex.Lock()
	defer process.mutex.Unlock()
	if process.held == nil {
		return nil
	}
	if path, ok := needed.Beyond(*process.held); ok {
		return fmt.Errorf("the process is confined already, without %s; restart Caddy", path)
	}
	return nil
}

// Hold confines the process to the paths, unless it is confined already. If the kernel
// has no Landlock, Hold returns an error if the confinement is required, and logs a
// warning otherwise.
func Hold(needed Paths, required bool, logger *zap.Logger) error {
	process.mutex.Lock()
	defer process.mutex.Unlock()
	if process.held != nil {
		return nil
	}
	version, err := ll.LandlockGetABIVersion()
	if err != nil || version == 0 {
		if required {
			return errors.New("this kernel has no Landlock, but it is required; it needs Linux 5.13 with landlock among its security modules")
		}
		logger.Warn("this kernel has no Landlock; the process is not confined")
		return nil
	}
	elsewhere := needed.openElsewhere()
	if err := landlock.V5.BestEffort().RestrictPaths(needed.rules()...); err != nil {
		return fmt.Errorf("confining the process: %w", err)
	}
	process.held = &needed
	logger.Info("the process is confined to its files", zap.Int("landlock_version", version),
		zap.Strings("read", needed.Read), zap.Strings("write", needed.Write))
	for _, file := range elsewhere {
		logger.Warn("a file is open for writing, but the confined process cannot rotate it; name its directory in write of payermax_landlock",
			zap.String("file", file))
	}
	return nil
}
