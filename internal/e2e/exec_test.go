package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

const oneService = `
services:
  web:
    image: IMAGE
    command: ["sh", "-c", "` + loop + `"]
    environment: {COLOUR: blue}
`

// sampledCodes are exit codes: the ends, those with a meaning, some others.
var sampledCodes = []int{0, 1, 2, 3, 42, 64, 100, 125, 126, 127, 128, 129, 130, 137, 143, 200, 254, 255}

// bigInput is how much goes through a container's cat, in bytes.
const bigInput = 50 << 20

// pass sends random bytes through a berth whose command copies its input to its
// output, and compares.
func pass(t *testing.T, command *exec.Cmd, size int64) {
	t.Helper()
	var seed [32]byte
	copy(seed[:], t.Name())
	sent, got := sha256.New(), sha256.New()
	command.Stdin = io.TeeReader(io.LimitReader(rand.NewChaCha8(seed), size), sent)
	counted := &counter{to: got}
	command.Stdout = counted
	errors := &screen{}
	command.Stderr = errors
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errors)
	}
	if counted.n != size || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Errorf("%d bytes came back of %d, the same: %t", counted.n, size, bytes.Equal(sent.Sum(nil), got.Sum(nil)))
	}
}

type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.to.Write(p)
}

func TestExec(t *testing.T) {
	t.Parallel()
	p := newProject(t, oneService)
	p.must("up", "-d", "--scale", "web=2")
	for _, c := range []struct {
		name string
		test func(*testing.T, project)
	}{
		{"passes 50 MB through cat unchanged", func(t *testing.T, p project) {
			pass(t, p.command("exec", "-T", "web", "cat"), bigInput)
		}},
		{"gives the command's exit code", testExecCodes},
		{"gives 127 for a missing command and 126 for one that cannot be executed", testExecRefusals},
		{"keeps both outputs apart", func(t *testing.T, p project) {
			stdout, stderr, code := p.run("exec", "-T", "web", "sh", "-c", "echo out; echo err >&2")
			if stdout != "out\n" || stderr != "err\n" || code != 0 {
				t.Errorf("%q, %q, %d", stdout, stderr, code)
			}
		}},
		{"sets user, folder, environment and container", testExecSettings},
		{"ends with its input closed", func(t *testing.T, p project) {
			stdout, _, code := p.run("exec", "-T", "web", "sh", "-c", "cat; echo end")
			if stdout != "end\n" || code != 0 {
				t.Errorf("%q, %d", stdout, code)
			}
		}},
		{"runs in the background", testExecDetached},
		{"follows the size of the terminal", func(t *testing.T, p project) {
			testWindow(t, p.command("exec", "web", "sh"))
		}},
		{"refuses what does not run", func(t *testing.T, p project) {
			if _, stderr, code := p.run("exec", "-T", "--index", "7", "web", "true"); code != 1 || !strings.Contains(stderr, `service "web" is not running`) {
				t.Errorf("%d: %s", code, stderr)
			}
			if _, stderr, code := p.run("exec", "-T", "nope", "true"); code != 1 || !strings.Contains(stderr, "no such service: nope") {
				t.Errorf("%d: %s", code, stderr)
			}
		}},
		{"ends with 130 when interrupted", func(t *testing.T, p project) {
			e := p.start("exec", "-T", "web", "sh", "-c", "echo here; sleep 1000")
			e.waitFor("here")
			e.signal(syscall.SIGINT)
			e.wantCode(130)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := p
			inner.t = t
			c.test(t, inner)
		})
	}
}

func testExecCodes(t *testing.T, p project) {
	for _, want := range sampledCodes {
		if _, stderr, code := p.run("exec", "-T", "web", "sh", "-c", fmt.Sprintf("exit %d", want)); code != want {
			t.Errorf("exit code %d, want %d: %s", code, want, stderr)
		}
	}
	if _, _, code := p.run("exec", "-T", "web", "sh", "-c", "kill -9 $$"); code != 137 {
		t.Errorf("exit code %d, want 137 for a killed command", code)
	}
}

func testExecRefusals(t *testing.T, p project) {
	for _, c := range []struct {
		command string
		code    int
	}{{"no-such-command", 127}, {"/no/such/command", 127}, {"/etc", 126}, {"/etc/passwd", 126}} {
		stdout, stderr, code := p.run("exec", "-T", "web", c.command)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.command) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", c.command, code, stdout, stderr)
		}
	}
}

func testExecSettings(t *testing.T, p project) {
	out := p.must("exec", "-T", "-e", "SHAPE=round", "-e", "PATH", "-u", "1000", "-w", "/tmp", "--index", "2", "web",
		"sh", "-c", "id -u; pwd; echo $SHAPE $COLOUR; hostname")
	lines := strings.Split(out, "\n")
	if len(lines) != 5 || lines[0] != "1000" || lines[1] != "/tmp" || lines[2] != "round blue" {
		t.Fatalf("got %q", out)
	}
	if first := p.must("exec", "-T", "web", "hostname"); strings.TrimSpace(first) == lines[3] {
		t.Errorf("--index 2 is the first container as well: %s", first)
	}
}

func testExecDetached(t *testing.T, p project) {
	if out := p.must("exec", "-d", "web", "sh", "-c", "echo done >/tmp/detached"); out != "" {
		t.Errorf("it wrote %q", out)
	}
	out := p.must("exec", "-T", "web", "sh", "-c", "for i in $(seq 100); do test -s /tmp/detached && break; sleep 0.1; done; cat /tmp/detached")
	if out != "done\n" {
		t.Errorf("got %q", out)
	}
}

// testWindow drives a shell in a terminal whose size changes.
func testWindow(t *testing.T, command *exec.Cmd) {
	t.Helper()
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 31, Cols: 97})
	if err != nil {
		t.Fatal(err)
	}
	out := &screen{}
	r := &process{t: t, command: command, output: out, ended: make(chan struct{})}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(out, terminal) // a terminal ends with an error
	}()
	go func() {
		defer close(r.ended)
		_ = command.Wait()
		<-copied
	}()
	// What is typed must not look like what is answered.
	typed := func(line string) {
		if _, err := io.WriteString(terminal, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	size := func(rows, columns int) {
		typed(`for i in $(seq 100); do s=$(stty size); [ "$s" = "` + strconv.Itoa(rows) + " " + strconv.Itoa(columns) + `" ] && break; sleep 0.1; done; echo "is:$s:"`)
		r.waitFor(fmt.Sprintf("is:%d %d:", rows, columns))
	}
	size(31, 97)
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	size(40, 120)
	typed("tty; exit 7")
	r.wantCode(7)
	if !strings.Contains(out.String(), "/dev/pts/") {
		t.Errorf("it has no terminal:\n%s", out)
	}
}
