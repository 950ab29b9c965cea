// Package lock keeps two commands from changing the same project on the same
// engine at the same time. A lock is an advisory lock on a file, so the
// operating system lets go of it when its holder dies, however it dies. The
// file tells who holds it. Commands on other machines are not seen.
package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// retryPause is how often a waiting command tries again, for there is no event
// for the release of a file lock.
const retryPause = 100 * time.Millisecond

// Holder is the command that holds a lock.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// String is "pid 4711 (berth up -d), since 14:03:07".
func (h Holder) String() string {
	if h.PID == 0 {
		return "another command"
	}
	return fmt.Sprintf("pid %d (%s), since %s", h.PID, h.Command, h.Since.Local().Format("15:04:05"))
}

// TimeoutError says that a lock was not had within the time that was given.
type TimeoutError struct {
	Project string
	Holder  Holder
	After   time.Duration
}

// Error names the project and the holder.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("project %s is being changed by %s: gave up after %s", e.Project, e.Holder, e.After)
}

// Options are what Acquire works with.
type Options struct {
	Dir      string // where the lock files are; see DefaultDir
	Endpoint string // the engine's address
	Project  string
	Command  string // how this command describes itself to others
	// Timeout bounds the waiting; 0: no bound.
	Timeout time.Duration
	// Waiting is called once when the lock is held by another command.
	Waiting func(Holder)
	// Abandoned is called when the lock is had and its last holder has died without
	// giving it back: the engine may still be at what that one had asked for.
	Abandoned func(Holder)
}

// DefaultDir is a folder that all users of this machine share, as they may
// share an engine.
func DefaultDir() string {
	const shared = "/run/lock"
	if info, err := os.Stat(shared); err == nil && info.IsDir() && info.Mode()&0o002 != 0 && writable(shared) {
		return shared
	}
	return os.TempDir()
}

// Acquire takes the lock of a project, waiting while another command holds it,
// and returns what releases it.
func Acquire(ctx context.Context, opt Options) (release func() error, err error) {
	path := filepath.Join(opt.Dir, fileName(opt.Endpoint, opt.Project))
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("lock %s is no regular file: remove it", path)
	}
	l := flock.New(path, flock.SetPermissions(0o666), flock.SetFlag(openFlag(path)))
	if err := obtain(ctx, l, path, opt); err != nil {
		return nil, err
	}
	// The umask may have kept other users out; only the owner can mend that.
	if err := os.Chmod(path, 0o666); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, errors.Join(err, l.Unlock())
	}
	if last := holder(path); last.PID != 0 && opt.Abandoned != nil {
		opt.Abandoned(last)
	}
	text, err := json.Marshal(Holder{PID: os.Getpid(), Command: opt.Command, Since: time.Now()})
	if err == nil {
		err = overwrite(path, text)
	}
	// A full disk takes nobody's lock away: only the text is for want of space, and
	// those who wait do not learn for whom.
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), l.Unlock())
	}
	return func() error { return errors.Join(overwrite(path, nil), l.Unlock()) }, nil
}

// openFlag creates a lock file only where there is none: in a shared folder the
// kernel refuses to open somebody else's file for creation (fs.protected_regular).
func openFlag(path string) int {
	if _, err := os.Lstat(path); err == nil {
		return os.O_RDWR
	}
	return os.O_CREATE | os.O_RDWR
}

// overwrite replaces the content of a file that exists.
func overwrite(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func obtain(ctx context.Context, l *flock.Flock, path string, opt Options) error {
	start := time.Now()
	told := false
	for {
		ok, err := l.TryLock()
		if err != nil {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		if ok {
			return nil
		}
		if !told && opt.Waiting != nil {
			opt.Waiting(holder(path))
		}
		told = true
		if opt.Timeout > 0 && time.Since(start) >= opt.Timeout {
			return &TimeoutError{Project: opt.Project, Holder: holder(path), After: opt.Timeout}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// holder reads who holds a lock; the zero Holder when the file does not tell.
func holder(path string) Holder {
	var h Holder
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return Holder{}
	}
	return h
}

// fileName keys a lock by engine and project. A socket that goes by several
// paths counts as one.
func fileName(endpoint, project string) string {
	if path, ok := strings.CutPrefix(endpoint, "unix://"); ok {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			endpoint = "unix://" + real
		}
	}
	sum := sha256.Sum256([]byte(endpoint + "\x00" + project))
	return "berth-" + hex.EncodeToString(sum[:12]) + ".lock"
}
