package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
)

// ErrClosed says that whoever read the output has gone, such as `head` at the
// end of a pipe. A command ends quietly on it.
var ErrClosed = errors.New("output closed")

// closedError marks the errors of a reader that has gone with ErrClosed.
func closedError(err error) error {
	if errors.Is(err, syscall.EPIPE) || brokenOnWindows(err) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}

// brokenOnWindows knows ERROR_BROKEN_PIPE and ERROR_NO_DATA, which is how
// Windows says the same.
func brokenOnWindows(err error) bool {
	var code syscall.Errno
	return runtime.GOOS == "windows" && errors.As(err, &code) && (code == 109 || code == 232)
}
