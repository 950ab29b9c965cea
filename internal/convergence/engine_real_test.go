package convergence

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/internal/testengine/proxy"
)

// output collects what a process writes, for reading while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// until waits until the process has written a text.
func (o *output) until(t *testing.T, text string) {
	t.Helper()
	for range 600 {
		if strings.Contains(o.String(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it never said %q:\n%s", text, o)
}

// end waits for a process, which has to end within the limit.
func end(t *testing.T, cmd *exec.Cmd, limit time.Duration) int {
	t.Helper()
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the code tells
	if !timer.Stop() {
		t.Errorf("it did not end within %s", limit)
	}
	return cmd.ProcessState.ExitCode()
}

func TestAnEngineThatIsLostInTheMidstIsNamedAndTheNextUpConverges(t *testing.T) {
	const never = `services:
  db:
    image: %s
    init: true
    command: sh -c 'while true; do echo tick; sleep 0.2; done'
    stop_grace_period: 1s
    healthcheck: {test: "false", interval: 1s, retries: 1000}
  web:
    image: %s
    init: true
    command: sleep 1000
    stop_grace_period: 1s
`
	for _, c := range []struct {
		name  string
		args  []string
		after string // lost once this was said
	}{
		{"up -d in the midst of starting", []string{"up", "-d"}, "Starting"},
		{"up --wait", []string{"up", "-d", "--wait"}, "Waiting"},
		{"attached up", []string{"up"}, "tick"},
		{"logs -f", []string{"logs", "-f"}, "tick"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newRealProject(t)
			p.write(fmt.Sprintf(never, testengine.BusyboxImage, testengine.BusyboxImage))
			if c.args[0] == "logs" {
				p.up()
			}
			middle, err := proxy.Start(filepath.Join(t.TempDir(), "e.sock"), testengine.Require(t).Host, 0)
			if err != nil {
				t.Fatal(err)
			}
			cmd := testengine.Command(t, p.dir, append([]string{"DOCKER_HOST=" + middle.Host()}, p.env...), c.args...)
			var out output
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			out.until(t, c.after)
			if err := middle.Close(); err != nil {
				t.Fatal(err)
			}
			if code := end(t, cmd, 15*time.Second); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if s := out.String(); !strings.Contains(s, middle.Host()) {
				t.Errorf("nothing names the engine %s:\n%s", middle.Host(), s)
			}
			p.up()
			want := fmt.Sprintf("%[1]s-db-1 running, %[1]s-web-1 running", p.name)
			if got := keys(p.containers()); got != want {
				t.Errorf("the next up led to %s", got)
			}
		})
	}
}
