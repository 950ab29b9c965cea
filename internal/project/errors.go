package project

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNoConfig is wrapped by errors of verbs that need a Compose file and have none.
var ErrNoConfig = errors.New("no configuration file provided: not found")

// Error is a mistake in what the user wrote. Its text is one line:
// file:line: key: what (what to do).
type Error struct {
	// File is shown relative to the working directory where that is shorter; "" if none is at fault.
	File string
	// Line counts from 1; 0 when unknown.
	Line int
	// Key is the path in the file, as services.web.ports[0], or a variable's name.
	Key string
	// Msg says what is wrong; Hint what to do, and may be empty.
	Msg, Hint string

	err error
}

// Error writes the error on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return oneLine(b.String())
}

// Unwrap gives the error of the library below, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.err }

// oneLine folds line breaks and other control characters, and cuts what is too long
// to be read.
func oneLine(s string) string {
	const limit = 2000
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}

// display shortens a file name to one relative to the working directory if it lies below.
func display(workDir, file string) string {
	if file == "-" {
		return "<stdin>"
	}
	if rel, err := filepath.Rel(workDir, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}

// reason is the cause of a file error without operation and path.
func reason(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return oneLine(err.Error())
}

// errTooLarge reports a file above its bound.
var errTooLarge = errors.New("file is too large")

// readBounded reads a regular file, or a pipe, of at most limit bytes.
func readBounded(file string, limit int64) ([]byte, error) {
	if info, err := os.Stat(file); err == nil && info.Mode()&os.ModeNamedPipe != 0 && hasName(file) {
		return readPipe(file, limit, pipeWait)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if info.IsDir() {
		return nil, &os.PathError{Op: "read", Path: file, Err: errors.New("is a directory")}
	} else if info.Size() > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", errTooLarge, info.Size(), limit)
	}
	return readAll(f, limit)
}

// pipeWait is how long a pipe may have no writer.
const pipeWait = 5 * time.Second

// errNoWriter reports a pipe that nobody writes to.
var errNoWriter = errors.New("it is a pipe that nobody writes to")

// hasName tells a named pipe from one that a shell hands over as /dev/fd/N: that had its
// writer from the start, so that nothing in it means an empty file.
func hasName(pipe string) bool {
	_, err := filepath.EvalSymlinks(pipe) // the link of one without a name leads to no file
	return err == nil && !strings.HasPrefix(pipe, "/dev/fd/")
}

// readPipe reads a named pipe. Opened as other files are it would wait for a writer
// without end, and no signal would end that.
func readPipe(file string, limit int64, wait time.Duration) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	const pause = 10 * time.Millisecond
	for end := time.Now().Add(wait); ; time.Sleep(pause) {
		data, err := readAll(f, limit) // ends at once while there is no writer
		if err != nil || len(data) > 0 {
			return data, err
		}
		if time.Now().After(end) {
			return nil, errNoWriter
		}
	}
}

// readAll reads r to its end or fails when it holds more than limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: at most %d bytes are read", errTooLarge, limit)
	}
	return data, nil
}
