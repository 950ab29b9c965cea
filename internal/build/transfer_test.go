package build

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// mebibyte in bytes.
const mebibyte = 1 << 20

// fill writes n random bytes to a file, so that nothing knows its content.
func fill(t testing.TB, path string, n int) {
	t.Helper()
	content := make([]byte, n)
	source := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%032d", rand.Uint32()))))
	if _, err := source.Read(content); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// sent builds targets and returns how many bytes went to the engine.
func sent(t testing.TB, o Options, targets ...Target) int64 {
	t.Helper()
	testengine.Busybox(t)
	var shown bytes.Buffer
	o.Display = Display{Mode: "plain", Out: &shown}
	dialer := newHijacker(t)
	results, err := Run(t.Context(), dialer, targets, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, shown.String())
	}
	forget(t, results)
	return dialer.sent.Load()
}

func TestIgnoredFilesAreNotSentAndASecondBuildSendsNextToNothing(t *testing.T) {
	for name, o := range map[string]Options{"engine": {}, "own": thisEngine(t)} {
		t.Run(name, func(t *testing.T) {
			wanted := single(t, "ignore-"+name, "FROM scratch\nCOPY . /\n", ".dockerignore", "big\n")
			fill(t, filepath.Join(wanted.Build.Context, "small"), mebibyte)
			fill(t, filepath.Join(wanted.Build.Context, "big"), 0)
			if err := os.Truncate(filepath.Join(wanted.Build.Context, "big"), 500*mebibyte); err != nil {
				t.Fatal(err)
			}
			first, again := sent(t, o, wanted), sent(t, o, wanted)
			t.Logf("first build %d bytes, second %d", first, again)
			if first < mebibyte || first > mebibyte+mebibyte/5 {
				t.Errorf("the first build sent %d bytes", first)
			}
			if again > 20_000 {
				t.Errorf("the second build sent %d bytes", again)
			}
		})
	}
}

func TestTenServicesThatShareAContextSendItOnce(t *testing.T) {
	for name, o := range map[string]Options{"engine": {}, "own": thisEngine(t)} {
		for _, kind := range []string{"one Dockerfile", "ten Dockerfiles"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				dir := t.TempDir()
				fill(t, filepath.Join(dir, "data"), 5*mebibyte)
				var targets []Target
				for i := range 10 {
					file := "Dockerfile"
					if kind != "one Dockerfile" {
						file = fmt.Sprintf("Dockerfile.%d", i)
					}
					if err := os.WriteFile(filepath.Join(dir, file), []byte("FROM scratch\nARG N\nLABEL n=$N\nCOPY data /data"+file+"\n"), 0o644); err != nil {
						t.Fatal(err)
					}
					wanted := target(t, fmt.Sprintf("shared-%s-%d", name, i), dir)
					number := fmt.Sprint(i)
					wanted.Build.Dockerfile = file
					wanted.Build.Args = map[string]*string{"N": &number}
					targets = append(targets, wanted)
				}
				first, again := sent(t, o, targets...), sent(t, o, targets...)
				t.Logf("first build %d bytes, second %d", first, again)
				if first > 5*mebibyte+mebibyte/2 {
					t.Errorf("the first build sent %d bytes", first)
				}
				if again > 200_000 {
					t.Errorf("the second build sent %d bytes", again)
				}
			})
		}
	}
}

func TestServicesThatCopyPartsOfASharedContextSendOnlyThose(t *testing.T) {
	dir := t.TempDir()
	var targets []Target
	for _, name := range []string{"a", "b", "unused"} {
		fill(t, filepath.Join(dir, name), mebibyte)
	}
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name+".dockerfile"), []byte("FROM scratch\nCOPY "+name+" /\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		wanted := target(t, "part-"+name, dir)
		wanted.Build.Dockerfile = name + ".dockerfile"
		targets = append(targets, wanted)
	}
	if n := sent(t, thisEngine(t), targets...); n < 2*mebibyte || n > 2*mebibyte+mebibyte/5 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestCopiedPathsAreThoseOfTheContext(t *testing.T) {
	for dockerfile, want := range map[string]string{
		"FROM a\nCOPY --chown=1 x ./y/ /z/*.go /d/\nADD [\"a b\", \"/\"]\nADD https://x/y /\nCOPY --from=b q /\nCOPY <<E /t\nE\nRUN --mount=type=cache,target=/c x": "a b|x|y|z",
		"FROM a\nCOPY . /\n": "all", "FROM a\nCOPY $X /\n": "all", "FROM a\nRUN --mount=target=/src x\n": "all", "": "all",
	} {
		paths, ok := copiedPaths([]byte(dockerfile))
		got := strings.Join(paths, "|")
		if !ok {
			got = "all"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", dockerfile, got, want)
		}
	}
}

func TestOneSessionServesServicesThatDoNotConflict(t *testing.T) {
	testengine.Busybox(t)
	dir := write(t, map[string]string{"a.dockerfile": "FROM scratch\nCOPY . /\n", "b.dockerfile": "FROM scratch\nCOPY a.dockerfile /\n"})
	first, other := target(t, "session-a", dir), target(t, "session-b", dir)
	first.Build.Dockerfile, other.Build.Dockerfile = "a.dockerfile", "b.dockerfile"
	dialer := newHijacker(t)
	if _, err := Run(t.Context(), dialer, []Target{first, other}, Options{Display: Display{Mode: "quiet"}}); err != nil {
		t.Fatal(err)
	}
	if n := dialer.dial.Load(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}
