//go:build !windows

package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// singleKeys makes a terminal pass each key on at once and unseen. Signals such
// as that of Ctrl-C go on to be signals.
func singleKeys(fd uintptr) (restore func() error, err error) {
	before, err := unix.IoctlGetTermios(int(fd), readTermios)
	if err != nil {
		return nil, fmt.Errorf("set up the keyboard: %w", err)
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(fd), writeTermios, &now); err != nil {
		return nil, fmt.Errorf("set up the keyboard: %w", err)
	}
	return func() error { return unix.IoctlSetTermios(int(fd), writeTermios, before) }, nil
}
