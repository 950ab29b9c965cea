package e2e

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestCopying(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "`+loop+`"], scale: 2}
`)
	p.must("up", "-d")
	p.write("one.txt", "one\n")
	p.write("folder.d", "")
	if err := os.Symlink("one.txt", filepath.Join(p.dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	inside := func(command string, index string) string {
		t.Helper()
		return p.must("exec", "-T", "--index", index, "web", "sh", "-c", command)
	}

	p.must("cp", "one.txt", "web:/tmp/copied.txt")
	for _, index := range []string{"1", "2"} {
		if got := inside("cat /tmp/copied.txt", index); got != "one\n" {
			t.Errorf("container %s has %q", index, got)
		}
	}
	p.must("cp", "--index", "2", "one.txt", "web:/tmp")
	if got := inside("ls /tmp/one.txt 2>&1 || :", "1"); !strings.Contains(got, "No such file") {
		t.Errorf("--index 2 copied to 1 as well: %q", got)
	}
	if got := inside("cat /tmp/one.txt", "2"); got != "one\n" {
		t.Errorf("a copy into a folder: %q", got)
	}
	p.must("cp", "link.txt", "web:/tmp/as-link")
	p.must("cp", "-L", "link.txt", "web:/tmp/as-file")
	if got := inside("readlink /tmp/as-link; cat /tmp/as-file", "1"); got != "one.txt\none\n" {
		t.Errorf("links: %q", got)
	}

	inside("mkdir -p /srv/tree/deep; echo deep >/srv/tree/deep/file; ln -s tree /srv/linked; chown 1234 /srv/tree/deep/file", "1")
	p.must("cp", "web:/srv/tree", "out")
	if got, err := os.ReadFile(filepath.Join(p.dir, "out/deep/file")); string(got) != "deep\n" {
		t.Errorf("a folder: %q, %v", got, err)
	}
	p.must("cp", "-L", "web:/srv/linked", "followed")
	if got, err := os.ReadFile(filepath.Join(p.dir, "followed/deep/file")); string(got) != "deep\n" {
		t.Errorf("a followed link: %q, %v", got, err)
	}
	archive := p.must("cp", "web:/srv/tree", "-")
	if names := tarNames(t, strings.NewReader(archive)); !slices.Contains(names, "tree/deep/file") {
		t.Errorf("the archive has %v", names)
	}
	command := p.command("cp", "--index", "2", "-", "web:/opt")
	command.Stdin = strings.NewReader(archive)
	inside("mkdir -p /opt", "2")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := inside("cat /opt/tree/deep/file; stat -c %u /opt/tree/deep/file", "2"); got != "deep\n1234\n" {
		t.Errorf("an archive: %q", got)
	}

	for args, want := range map[string]string{
		"one.txt two.txt":       "SERVICE:PATH",
		"web:/a web:/b":         "between services",
		"nope:/a .":             "no such service: nope",
		"web:/no/such .":        "/no/such",
		"missing.txt web:/tmp":  "missing.txt",
		"one.txt web:/no/dir/x": "/no/dir",
	} {
		if _, stderr, code := p.run(append([]string{"cp"}, strings.Fields(args)...)...); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("cp %s: %d: %s", args, code, stderr)
		}
	}
}

func tarNames(t *testing.T, r io.Reader) []string {
	t.Helper()
	names := map[string]bool{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return slices.Sorted(maps.Keys(names))
		}
		if err != nil {
			t.Fatal(err)
		}
		names[strings.TrimSuffix(header.Name, "/")] = true
	}
}

func TestCommitAndExport(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "`+loop+`"]}
`)
	p.must("up", "-d")
	p.must("exec", "-T", "web", "sh", "-c", "echo mine >/etc/mine")
	ref := p.name + ":committed"
	id := strings.TrimSpace(p.must("commit", "-m", "by a test", "-a", "tester", "-c", "ENV ADDED=yes", "web", ref))
	defer testengine.Delete(t, "/images/"+ref+"?force=1")
	var image struct {
		ID, Comment, Author string
		Config              struct{ Env []string }
	}
	testengine.Get(t, "/images/"+ref+"/json", &image)
	if image.ID != id || image.Comment != "by a test" || image.Author != "tester" || !slices.Contains(image.Config.Env, "ADDED=yes") {
		t.Errorf("printed %q, made %+v", id, image)
	}
	p.must("export", "-o", "all.tar", "web")
	content, err := os.ReadFile(filepath.Join(p.dir, "all.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if names := tarNames(t, bytes.NewReader(content)); !slices.Contains(names, "etc/mine") {
		t.Errorf("no etc/mine among %d files", len(names))
	}
	if piped := p.must("export", "web"); len(piped) < 1<<10 {
		t.Errorf("%d bytes on standard output", len(piped))
	}
}
