//go:build unix

package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestAPipeWithoutWriterEndsAndOneWithIsRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := readPipe(pipe, 100, 30*time.Millisecond); !errors.Is(err, errNoWriter) {
		t.Errorf("without a writer: %v", err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = os.WriteFile(pipe, []byte("services: {}\n"), 0o600)
	}()
	if data, err := readBounded(pipe, 100); err != nil || string(data) != "services: {}\n" {
		t.Errorf("with a writer: %q, %v", data, err)
	}

	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_ = writer.Close()
	start := time.Now()
	if data, err := readBounded(fmt.Sprintf("/dev/fd/%d", reader.Fd()), 100); err != nil || len(data) > 0 {
		t.Errorf("an empty pipe of the shell: %q, %v after %s", data, err, time.Since(start))
	}
}
