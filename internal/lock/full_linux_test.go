package lock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/berth-dev/berth/internal/lock"
)

// cannotMount is the exit code of a process that may not mount.
const cannotMount = 77

// beFull is the test binary as one whose disk is full.
func beFull(dir string) {
	switch err := onFullDisk(dir); {
	case errors.Is(err, errNoMount):
		os.Exit(cannotMount)
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

var errNoMount = errors.New("nothing can be mounted")

// onFullDisk takes a lock in a folder that it puts a full file system on, as a
// process in a mount namespace of its own.
func onFullDisk(dir string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4096"); err != nil {
		return errNoMount
	}
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 4096), 0o600); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	opt := lock.Options{Dir: dir, Endpoint: "unix:///run/engine.sock", Project: "p"}
	release, err := lock.Acquire(context.Background(), opt)
	if err != nil {
		return err
	}
	opt.Timeout = 1
	if _, err := lock.Acquire(context.Background(), opt); err == nil {
		return errors.New("two hold the lock")
	}
	return release()
}

func TestAFullDiskDoesNotKeepALockFromBeingHad(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCK_TEST_FULL="+t.TempDir())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no mount namespace can be had here: %v", err)
	}
	_ = cmd.Wait() // the exit code tells
	switch code := cmd.ProcessState.ExitCode(); code {
	case 0:
	case cannotMount:
		t.Skip("nothing can be mounted here")
	default:
		t.Errorf("exit code %d", code)
	}
}
