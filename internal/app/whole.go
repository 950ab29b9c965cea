package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteWhole makes a file appear under its name, or take the place of the one
// there, only once all of it is written. A file that was there keeps its mode,
// and a link its name; what is no regular file, such as /dev/stdout, is written
// to.
func WriteWhole(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if strings.HasPrefix(path, "/dev/") { // of which some are links to files that others have open
		return writeThrough(path, write)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	there, statErr := os.Stat(path)
	if statErr == nil && !there.Mode().IsRegular() {
		return writeThrough(path, write)
	}
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strconv.FormatUint(rand.Uint64(), 36))
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	switch {
	case errors.Is(err, fs.ErrPermission) && statErr == nil: // a file of ours in a folder of others
		return writeThrough(path, write)
	case err != nil:
		return fmt.Errorf("write %s: %w", path, reasonOnly(err))
	}
	err = write(file)
	for _, step := range []func() error{
		func() error {
			if statErr != nil {
				return nil //nolint:nilerr // there is none to be like
			}
			return file.Chmod(there.Mode().Perm())
		},
		file.Close,
		func() error { return os.Rename(name, path) },
	} {
		if err == nil {
			err = step()
		}
	}
	if err == nil {
		return nil
	}
	// The file is of no use; what went wrong is told.
	_ = file.Close()
	_ = os.Remove(name)
	return ofFile(path, err)
}

// writeThrough writes to what is there.
func writeThrough(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, reasonOnly(err))
	}
	err = write(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return ofFile(path, err)
}

// ofFile names the file in an error of writing it, which speaks of another
// name; errors of what is written stay as they are.
func ofFile(path string, err error) error {
	var failed *fs.PathError
	var moved *os.LinkError
	if errors.As(err, &failed) || errors.As(err, &moved) {
		return fmt.Errorf("write %s: %w", path, reasonOnly(err))
	}
	return err
}

// reasonOnly is an error of the file system without the name of the file.
func reasonOnly(err error) error {
	var failed *fs.PathError
	var moved *os.LinkError
	switch {
	case errors.As(err, &failed):
		return failed.Err
	case errors.As(err, &moved):
		return moved.Err
	}
	return err
}
