package cli

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// singleKeys makes a console pass each key on at once and unseen. Ctrl-C goes
// on to be an interrupt.
func singleKeys(fd uintptr) (restore func() error, err error) {
	console := windows.Handle(fd)
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, fmt.Errorf("set up the keyboard: %w", err)
	}
	now := before &^ (windows.ENABLE_LINE_INPUT | windows.ENABLE_ECHO_INPUT)
	if err := windows.SetConsoleMode(console, now); err != nil {
		return nil, fmt.Errorf("set up the keyboard: %w", err)
	}
	return func() error { return windows.SetConsoleMode(console, before) }, nil
}
