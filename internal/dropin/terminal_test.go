package dropin

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/berth-dev/berth/internal/testengine"
)

// terminal is a shell line that runs in a terminal of its own.
type terminal struct {
	t       *testing.T
	keys    func(string)
	resize  func(rows, columns uint16)
	screen  *screen
	command *exec.Cmd
	ended   chan struct{}
}

// open runs a line in a terminal of 30 rows and 100 columns.
func (s *shell) open(line string) *terminal {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), "sh", "-c", "exec "+s.front.spell(line))
	command.Dir, command.Env = s.dir, append(s.env, "TERM=xterm")
	file, err := pty.StartWithSize(command, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		s.t.Fatal(err)
	}
	term := &terminal{t: s.t, screen: &screen{}, command: command, ended: make(chan struct{})}
	term.keys = func(text string) {
		if _, err := file.WriteString(text); err != nil {
			s.t.Errorf("type %q: %v", text, err)
		}
	}
	term.resize = func(rows, columns uint16) {
		if err := pty.Setsize(file, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
			s.t.Error(err)
		}
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := file.Read(buffer)
			_, _ = term.screen.Write(buffer[:n]) // never fails
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer close(term.ended)
		_ = command.Wait() // code looks at what came of it
		select {
		case <-read:
		case <-time.After(5 * time.Second): // somebody else holds the terminal
		}
		_ = file.Close() // all that there was has been read
	}()
	return term
}

// see waits until the screen shows the text after what was there before.
func (term *terminal) see(text string) {
	term.t.Helper()
	deadline := time.Now().Add(patience)
	for !strings.Contains(term.screen.String(), text) {
		if time.Now().After(deadline) {
			_ = term.command.Process.Signal(syscall.SIGKILL) // the test fails either way
			term.t.Fatalf("the terminal has not shown %q:\n%s", text, term.screen)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// waitForSize asks the shell in the container for the terminal's size until it
// is the wanted one: it comes by another way than the keys, and a little later.
func (term *terminal) waitForSize(size string) {
	term.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(term.screen.String(), size); time.Sleep(300 * time.Millisecond) {
		if time.Now().After(deadline) {
			term.t.Fatalf("the terminal in the container does not become %s:\n%s", size, term.screen)
		}
		term.keys("stty size\n")
	}
}

// wantCode waits for the end of the line with this exit code.
func (term *terminal) wantCode(code int) {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(patience):
		term.t.Fatalf("it does not end:\n%s", term.screen)
	}
	if got := term.command.ProcessState.ExitCode(); got != code {
		term.t.Errorf("exit code %d, want %d:\n%s", got, code, term.screen)
	}
}

func TestAPersonAtATerminalWorksWithContainers(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		testengine.Images(t)
		s := newShell(t, f, "ci")

		// Up in the foreground; one Ctrl-C lets everything end by itself.
		up := s.open("docker compose up")
		up.see("serving on")
		up.keys("\x03")
		up.wantCode(130)
		if out := up.screen.String(); strings.Contains(out, "Killing") || strings.Contains(out, "137") {
			t.Errorf("the first Ctrl-C kills:\n%s", out)
		}
		s.play([]line{{sh: "docker compose ps -a --format '{{.Service}} {{.ExitCode}}'", out: `\Adb 0\nweb 0\n\z`}})
		s.must("docker compose up -d --wait")

		// A shell in a container: sizes, Ctrl-C for the process inside, its code.
		exec := s.open("docker compose exec db sh")
		exec.waitForSize("30 100")
		exec.resize(25, 80)
		exec.waitForSize("25 80")
		exec.keys("echo wait; sleep 1000\n")
		exec.see("wait\r\n")
		exec.keys("\x03")
		exec.keys("echo al''ive; exit 3\n")
		exec.see("alive")
		exec.wantCode(3)

		run := s.open("docker compose run --rm db sh -c 'test -t 0 && test -t 1 && exit 4'")
		run.wantCode(4)

		logs := s.open("docker compose logs -f web")
		logs.see("serving on")
		logs.keys("\x03")
		logs.wantCode(130)
	})
}
