package lock_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/lock"
)

func options(t *testing.T, dir, project string) lock.Options {
	t.Helper()
	return lock.Options{Dir: dir, Endpoint: "unix:///run/engine.sock", Project: project, Command: "berth up"}
}

func TestASecondWriterWaitsAndIsToldWhoHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	release, err := lock.Acquire(t.Context(), options(t, dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	second := options(t, dir, "p")
	var seen lock.Holder
	second.Waiting = func(h lock.Holder) {
		seen = h
		if err := release(); err != nil {
			t.Error(err)
		}
	}
	release2, err := lock.Acquire(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release2() }()
	if seen.PID != os.Getpid() || seen.Command != "berth up" || seen.Since.IsZero() {
		t.Fatalf("holder is %+v", seen)
	}
}

func TestWaitingEndsWithTheTimeoutOrTheContext(t *testing.T) {
	dir := t.TempDir()
	release, err := lock.Acquire(t.Context(), options(t, dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	second := options(t, dir, "p")
	second.Timeout = time.Millisecond
	_, err = lock.Acquire(t.Context(), second)
	var timeout *lock.TimeoutError
	if !errors.As(err, &timeout) || !strings.Contains(err.Error(), "project p is being changed by pid") {
		t.Fatalf("got %v", err)
	}
	second.Timeout = 0
	ctx, cancel := context.WithCancel(t.Context())
	second.Waiting = func(lock.Holder) { cancel() }
	if _, err := lock.Acquire(ctx, second); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestOtherProjectsAndOtherEnginesAreNotHeldUp(t *testing.T) {
	dir := t.TempDir()
	for _, opt := range []lock.Options{
		options(t, dir, "p"), options(t, dir, "q"),
		{Dir: dir, Endpoint: "ssh://elsewhere", Project: "p"},
	} {
		release, err := lock.Acquire(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = release() }()
	}
}

// TestMain lets the test binary be the holder that is killed, or whose disk is full.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCK_TEST_HOLD"); dir != "" {
		_, err := lock.Acquire(context.Background(), lock.Options{Dir: dir, Endpoint: "unix:///run/engine.sock", Project: "p"})
		if err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("held\n")
		time.Sleep(time.Hour) // an empty select would be a deadlock, which ends it
	}
	if dir := os.Getenv("LOCK_TEST_FULL"); dir != "" {
		beFull(dir)
	}
	os.Exit(m.Run())
}

func TestAKilledHolderDoesNotBlock(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCK_TEST_HOLD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	opt := options(t, dir, "p")
	waited := false
	opt.Waiting = func(lock.Holder) {
		waited = true
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	var left lock.Holder
	opt.Abandoned = func(h lock.Holder) { left = h }
	release, err := lock.Acquire(t.Context(), opt)
	if err != nil || !waited {
		t.Fatalf("got %v, waited %v", err, waited)
	}
	_ = cmd.Wait() // it was killed
	if left.PID != cmd.Process.Pid || left.Since.IsZero() {
		t.Errorf("the lock was left by %+v, want process %d", left, cmd.Process.Pid)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	opt.Waiting, opt.Abandoned = nil, func(h lock.Holder) { t.Errorf("a lock that was given back was left by %+v", h) }
	if release, err = lock.Acquire(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
