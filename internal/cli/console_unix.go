//go:build !windows

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// windowChanges reports that the terminal's size may have changed.
func windowChanges() (changes <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
