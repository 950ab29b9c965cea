package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestCopyReachesOneOffsWithAllAndTakesTheContainersUserWithArchive(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "`+loop+`"], user: nobody}
`)
	p.must("up", "-d")
	p.write("file", "content\n")
	oneOff := p.start("run", "--rm", "-T", "web", "sh", "-c", "echo ready; until test -e /tmp/all; do sleep 0.1; done; ls /tmp")
	oneOff.waitFor("ready")
	p.must("cp", "file", "web:/tmp/services-only")
	p.must("cp", "--all", "file", "web:/tmp/all")
	oneOff.wantCode(0)
	if out := oneOff.output.String(); strings.Contains(out, "services-only") {
		t.Errorf("without --all the one-off got a copy:\n%s", out)
	}

	// The engine looks the user up on its own machine.
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("needs a user nobody: %v", err)
	}
	p.must("cp", "--archive", "file", "web:/tmp/archived")
	got := p.must("exec", "-T", "web", "stat", "-c", "%u", "/tmp/archived", "/tmp/services-only")
	if want := fmt.Sprintf("%s\n%d\n", nobody.Uid, os.Getuid()); got != want {
		t.Errorf("owners with --archive and without are %q, want %q", got, want)
	}
}

func TestCommitAndExportTakeTheContainerOfTheIndex(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "`+loop+`"], scale: 2}
`)
	p.must("up", "-d")
	p.must("exec", "-T", "--index", "2", "web", "sh", "-c", "echo second >/etc/mine")
	for index, want := range map[string]bool{"1": false, "2": true} {
		p.must("export", "--index", index, "--output", "web.tar", "web")
		content, err := os.ReadFile(filepath.Join(p.dir, "web.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(tarNames(t, bytes.NewReader(content)), "etc/mine"); got != want {
			t.Errorf("the export of container %s has the file of the second: %t", index, got)
		}
	}

	ref := p.name + ":committed"
	p.must("commit", "--index", "2", "web", ref)
	defer testengine.Delete(t, "/images/"+ref+"?force=1")
	p.write("made.yaml", "services: {made: {image: '"+ref+"'}}\n")
	if got := p.must("-f", "made.yaml", "run", "--rm", "-T", "made", "cat", "/etc/mine"); got != "second\n" {
		t.Errorf("the image of the second container has %q", got)
	}
}

func TestCommitPausesTheContainerUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "`+loop+`"]}
`)
	p.must("up", "-d")
	watch := testengine.WatchProject(t, p.name)
	for _, flags := range [][]string{{"--pause=false"}, nil} {
		id := strings.TrimSpace(p.must(append(append([]string{"commit"}, flags...), "web")...))
		testengine.Delete(t, "/images/"+id+"?force=1")
	}
	var told []string
	for deadline := time.Now().Add(patience); len(told) < 3 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		told = nil
		for _, e := range watch.Events() {
			if e.Action == "commit" || e.Action == "pause" {
				told = append(told, e.Action)
			}
		}
	}
	if want := []string{"commit", "pause", "commit"}; !slices.Equal(told, want) {
		t.Errorf("without and with a pause the engine told %v, want %v", told, want)
	}
}
