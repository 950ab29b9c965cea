//go:build unix

package app_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-dev/berth/internal/app"
)

// half writes something and fails as a full disk does.
func half(w io.Writer) error {
	_, _ = io.WriteString(w, "half")
	return &os.PathError{Op: "write", Path: "hidden", Err: errors.New("no space left on device")}
}

func all(w io.Writer) error {
	_, err := io.WriteString(w, "all of it")
	return err
}

// filesIn are the names in a folder and what is in them.
func filesIn(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Name()+"="+string(content))
	}
	return strings.Join(list, " ")
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := app.WriteWhole(path, 0o600, half); err == nil || err.Error() != "write "+path+": no space left on device" {
		t.Errorf("%v", err)
	}
	if got := filesIn(t, dir); got != "" {
		t.Errorf("left behind: %s", got)
	}
	if err := os.WriteFile(path, []byte("before"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := app.WriteWhole(path, 0o600, half); err == nil || filesIn(t, dir) != "f=before" {
		t.Errorf("%v, %s", err, filesIn(t, dir))
	}
	if err := app.WriteWhole(path, 0o600, all); err != nil || filesIn(t, dir) != "f=all of it" {
		t.Errorf("%v, %s", err, filesIn(t, dir))
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Error(info.Mode(), err)
	}
}

func TestALinkAndAPipeKeepTheirNames(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "target")
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(elsewhere, nil, 0o600), os.Symlink(elsewhere, link)); err != nil {
		t.Fatal(err)
	}
	if err := app.WriteWhole(link, 0o600, all); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(link); err != nil || target != elsewhere || filesIn(t, dir) != "link=all of it" {
		t.Error(target, err, filesIn(t, dir))
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		content, _ := os.ReadFile(pipe)
		read <- string(content)
	}()
	if err := app.WriteWhole(pipe, 0o600, all); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "all of it" {
		t.Error(got)
	}
}
