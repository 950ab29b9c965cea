package docker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/engine"
)

// sshVariable makes the test binary play `docker system dial-stdio` at the far
// end of ssh: it joins its standard streams to this socket.
const sshVariable = "BERTH_TEST_SSH_SOCKET"

func TestMain(m *testing.M) {
	if socket := os.Getenv(sshVariable); socket != "" {
		if err := joinStreams(socket); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// joinStreams copies standard input to a socket and its answers to standard
// output.
func joinStreams(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}

// fakeSSH puts a program called ssh first in PATH.
func fakeSSH(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestAnEngineOverSSHIsReachedThroughOneKeptConnection(t *testing.T) {
	w, local := newWire(t, "1.41", nil)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	count := filepath.Join(t.TempDir(), "count")
	fakeSSH(t, fmt.Sprintf("echo \"$*\" >>%s; exec %s", count, binary))
	t.Setenv(sshVariable, strings.TrimPrefix(local.Endpoint(), "unix://"))
	e, err := New(Options{Host: "ssh://me@far.test:2222", ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := e.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.lines()) != 3 {
		t.Error(w.lines())
	}
	calls, err := os.ReadFile(count)
	if err != nil || strings.Count(string(calls), "\n") != 1 || !strings.Contains(string(calls), "-l me -p 2222") {
		t.Errorf("ssh was called with\n%s%v", calls, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFailingSSHSaysWhatItSaid(t *testing.T) {
	fakeSSH(t, "echo 'Permission denied (publickey).' >&2; exit 255")
	e, err := New(Options{Host: "ssh://me@far.test", ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Info(t.Context())
	if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), "Permission denied (publickey)") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}
