package ui

import (
	"fmt"
	"io"
	"time"

	"github.com/moby/term"
)

// ANSI says when escape sequences may be written (--ansi, COMPOSE_ANSI).
type ANSI string

// The values of --ansi.
const (
	ANSIAuto   ANSI = "auto"
	ANSINever  ANSI = "never"
	ANSIAlways ANSI = "always"
)

// CI names the build service that reads the output; empty for none known.
type CI string

// The build services whose folding marks are known.
const (
	GitHub CI = "github"
	GitLab CI = "gitlab"
)

// Terminal is where berth talks to: its streams, what they can do and the time.
// The zero values of the functions are safe: unknown size, the system's clock.
type Terminal struct {
	Out, Err io.Writer
	In       io.Reader
	// OutTTY, ErrTTY and InTTY tell which streams are terminals.
	OutTTY, ErrTTY, InTTY bool
	// OutColor and ErrColor tell where colours are wanted.
	OutColor, ErrColor bool
	// Cursor tells that the terminal moves its cursor when told to, and that
	// the user has not forbidden it.
	Cursor bool
	// Width and Height give the present size in characters; 0 when unknown.
	Width, Height func() int
	Now           func() time.Time
	CI            CI
	// StatusStdout moves the progress to Out (COMPOSE_STATUS_STDOUT).
	StatusStdout bool

	noColor bool // NO_COLOR or a dumb terminal
	dumb    bool
}

// Detect describes the process's terminal. env looks up environment variables
// as os.Getenv does; read are NO_COLOR, TERM, COMPOSE_ANSI,
// COMPOSE_STATUS_STDOUT, GITHUB_ACTIONS and GITLAB_CI. A bad COMPOSE_ANSI counts
// as auto; [Terminal.WithANSI] reports bad values.
func Detect(env func(string) string, stdin io.Reader, stdout, stderr io.Writer) Terminal {
	t := Terminal{Out: stdout, Err: stderr, In: stdin, Now: time.Now}
	t.OutTTY, t.ErrTTY, t.InTTY = isTerminal(stdout), isTerminal(stderr), isTerminal(stdin)
	t.dumb = env("TERM") == "dumb"
	t.noColor = env("NO_COLOR") != "" || t.dumb
	t.StatusStdout = truthy(env("COMPOSE_STATUS_STDOUT"))
	switch {
	case truthy(env("GITHUB_ACTIONS")):
		t.CI = GitHub
	case truthy(env("GITLAB_CI")):
		t.CI = GitLab
	}
	t.Width, t.Height = sizeOf(t)
	t = t.shareScreen()
	if with, err := t.WithANSI(ANSI(env("COMPOSE_ANSI"))); err == nil {
		return with
	}
	t.setANSI(ANSIAuto)
	return t
}

// WithANSI returns the terminal with the value of --ansi applied; empty means
// auto. The error names the values that exist.
func (t Terminal) WithANSI(mode ANSI) (Terminal, error) {
	switch mode {
	case "":
		mode = ANSIAuto
	case ANSIAuto, ANSINever, ANSIAlways:
	default:
		return t, fmt.Errorf("--ansi %q is unknown: use never, always or auto", string(mode))
	}
	t.setANSI(mode)
	return t, nil
}

func (t *Terminal) setANSI(mode ANSI) {
	switch mode {
	case ANSINever:
		t.OutColor, t.ErrColor, t.Cursor = false, false, false
	case ANSIAlways:
		t.OutColor, t.ErrColor, t.Cursor = true, true, true
	default:
		t.OutColor = t.OutTTY && !t.noColor
		t.ErrColor = t.ErrTTY && !t.noColor
		t.Cursor = !t.dumb
	}
}

// status returns where progress goes, and whether that is a terminal and
// wants colours.
func (t Terminal) status() (w io.Writer, tty, color bool) {
	if t.StatusStdout {
		return t.Out, t.OutTTY, t.OutColor
	}
	return t.Err, t.ErrTTY, t.ErrColor
}

func (t Terminal) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// width is the present width; 80 when it is unknown.
func (t Terminal) width() int { return sizeOr(t.Width, 80) }

// height is the present height; 24 when it is unknown.
func (t Terminal) height() int { return sizeOr(t.Height, 24) }

func sizeOr(size func() int, unknown int) int {
	if size == nil {
		return unknown
	}
	if n := size(); n > 0 {
		return n
	}
	return unknown
}

// sizeOf gives functions for the size of the first output that is a terminal.
func sizeOf(t Terminal) (width, height func() int) {
	file, ok := fileOf(t.Err)
	if !ok || !t.ErrTTY {
		file, ok = fileOf(t.Out)
	}
	if !ok {
		return nil, nil
	}
	size := func() (int, int) {
		ws, err := term.GetWinsize(file.Fd())
		if err != nil { // no terminal: unknown
			return 0, 0
		}
		return int(ws.Width), int(ws.Height)
	}
	width = func() int { w, _ := size(); return w }
	height = func() int { _, h := size(); return h }
	return width, height
}

type descriptor interface{ Fd() uintptr }

func fileOf(stream any) (descriptor, bool) {
	f, ok := stream.(descriptor)
	return f, ok
}

func isTerminal(stream any) bool {
	f, ok := fileOf(stream)
	return ok && term.IsTerminal(f.Fd())
}

// truthy reads an environment switch the way docker compose does.
func truthy(value string) bool {
	switch value {
	case "1", "t", "T", "true", "TRUE", "True", "y", "Y", "yes", "YES", "on":
		return true
	}
	return false
}
