package imagetest

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// trigger closes seen when the word has been written.
type trigger struct {
	mu   sync.Mutex
	word string
	seen chan struct{}
	text []byte
	done bool
}

func (w *trigger) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	// A step's command is shown before its output: the second one is the output.
	if !w.done && bytes.Count(w.text, []byte(w.word)) > 1 {
		w.done = true
		close(w.seen)
	}
	return len(p), nil
}

func TestMemoryStaysSmallWhileMuchIsBuiltAndPulled(t *testing.T) {
	t.Parallel()
	const size, limit = 60 << 20, 100 << 10 // bytes of data, KiB of memory
	f := newFixture(t)
	// A process counts what its parent, this test, used before it: hence no slice.
	file, err := os.Create(filepath.Join(f.dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(file, rand.Reader, size); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	f.write("Dockerfile", "FROM scratch\nCOPY big /big\n")
	f.write("compose.yaml", "services:\n  web: {image: REG/big:1, build: .}\n")
	for _, args := range [][]string{{"build"}, {"push"}, {"pull"}} {
		command := testengine.Command(t, f.dir, f.environ(), append([]string{"-p", f.name}, args...)...)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, output)
		}
		usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatal("this system does not tell what a process used")
		}
		if usage.Maxrss > limit {
			t.Errorf("%v took %d KiB, want less than %d", args, usage.Maxrss, limit)
		}
		if args[0] == "push" {
			f.drop("REG/big:1")
		}
	}
}
