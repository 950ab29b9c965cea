package ui

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Escape sequences of a live view (ECMA-48, and DEC's for the cursor).
const (
	hideCursor   = "\x1b[?25l"
	showCursor   = "\x1b[?25h"
	eraseLine    = "\x1b[K"
	eraseBelow   = "\x1b[J"
	clearScreen  = "\x1b[2J\x1b[H"
	cursorToHome = "\x1b[H"
	freshLine    = "\r" + eraseLine
	// eraseBlock erases from the start of the line on. It never erases a whole
	// screen at once: tmux would keep what was on it in its history.
	eraseBlock = eraseLine + "\n" + eraseBelow + "\x1b[1A"
)

// cursorUp moves to the start of a line above. The cursor may stand behind what
// the terminal echoed of the keyboard, such as ^C, which is erased.
func cursorUp(lines int) string {
	if lines <= 0 {
		return freshLine
	}
	return freshLine + "\x1b[" + strconv.Itoa(lines) + "A"
}

// screen owns a terminal that may have a live block at its bottom. Writes to
// it go above the block.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int

	block     []line // what is drawn, empty when nothing is
	drawnAt   int    // the width it was drawn at
	hidden    bool   // the cursor is hidden
	suspended int    // how many others, such as a prompt, have the terminal
}

// line is one line of a live block: its bytes and the columns they take.
type line struct {
	text  string
	width int
}

// liveWriter is a stream of a terminal that shares its screen with a live block.
type liveWriter struct {
	screen *screen
	w      io.Writer
}

// Write puts p above the live block in one write; without a block p goes
// through untouched.
func (l *liveWriter) Write(p []byte) (int, error) {
	s := l.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.block) == 0 || s.suspended > 0 {
		return l.w.Write(p)
	}
	var b bytes.Buffer
	b.WriteString(s.toTop() + eraseBlock)
	b.Write(p)
	if !bytes.HasSuffix(p, []byte("\n")) {
		b.WriteByte('\n')
	}
	for _, l := range s.block {
		b.WriteString(l.text + "\n")
	}
	s.drawnAt = s.width()
	if _, err := l.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Fd passes on the file descriptor, for whoever looks for a terminal.
func (l *liveWriter) Fd() uintptr {
	if f, ok := fileOf(l.w); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// coversBlock tells whether writing to w means drawing a live block again.
func coversBlock(w io.Writer) bool {
	l, ok := w.(*liveWriter)
	if !ok {
		return false
	}
	l.screen.mu.Lock()
	defer l.screen.mu.Unlock()
	return len(l.screen.block) > 0
}

// shareScreen puts one screen behind those of Out and Err that are terminals.
func (t Terminal) shareScreen() Terminal {
	var s *screen
	wrap := func(w io.Writer, tty bool) io.Writer {
		if !tty {
			return w
		}
		if s == nil {
			s = &screen{width: t.width}
		}
		s.w = w
		return &liveWriter{screen: s, w: w}
	}
	t.Out = wrap(t.Out, t.OutTTY)
	t.Err = wrap(t.Err, t.ErrTTY)
	return t
}

// screenOf finds the screen behind w, or makes one that nobody else writes to.
func screenOf(t Terminal, w io.Writer) *screen {
	if l, ok := w.(*liveWriter); ok {
		return l.screen
	}
	return &screen{w: w, width: t.width}
}

// draw replaces the block, writing only the lines that differ.
func (s *screen) draw(block []line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.suspended > 0 {
		return nil
	}
	return s.redraw(block)
}

func (s *screen) redraw(block []line) error {
	var b strings.Builder
	if !s.hidden {
		b.WriteString(hideCursor)
		s.hidden = true
	}
	width := s.width()
	same := 0
	if width == s.drawnAt {
		for same < len(block) && same < len(s.block) && block[same] == s.block[same] {
			same++
		}
		if same == len(block) && same == len(s.block) {
			return nil
		}
		if len(s.block) > 0 {
			b.WriteString(cursorUp(len(s.block) - same))
		}
	} else if len(s.block) > 0 {
		b.WriteString(s.toTop() + eraseBlock)
		s.block = nil
	}
	for i := same; i < len(block); i++ {
		switch {
		case i >= len(s.block):
			b.WriteString(block[i].text)
		case block[i] != s.block[i]:
			b.WriteString(block[i].text + eraseLine)
		}
		b.WriteByte('\n')
	}
	if len(s.block) > len(block) {
		b.WriteString(eraseBelow)
	}
	s.block = append(s.block[:0:0], block...)
	s.drawnAt = width
	_, err := io.WriteString(s.w, b.String())
	return err
}

// toTop moves the cursor to the first line of the block. A terminal that became
// narrower has broken the long lines, which is counted in.
func (s *screen) toTop() string {
	width, rows := s.width(), 0
	for _, l := range s.block {
		rows++
		if width > 0 && width < s.drawnAt && l.width > width {
			rows += (l.width - 1) / width
		}
	}
	return cursorUp(rows)
}

// finish replaces the block by its last state, leaves that on the screen and
// gives the cursor back.
func (s *screen) finish(final []line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspended = 0
	var b strings.Builder
	if len(s.block) > 0 {
		b.WriteString(s.toTop() + eraseBlock)
	}
	for _, l := range final {
		b.WriteString(l.text + "\n")
	}
	s.block = nil
	if s.hidden {
		b.WriteString(showCursor)
		s.hidden = false
	}
	_, err := io.WriteString(s.w, b.String())
	return err
}

// Restore leaves the terminal as it should be at once, for exits that do not
// come by [Progress.Close]: the live view stays as it is, the cursor comes back.
func Restore(t Terminal) {
	w, _, _ := t.status()
	l, ok := w.(*liveWriter)
	if !ok {
		return
	}
	s := l.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden {
		// The process is about to end; there is nobody to tell.
		_, _ = io.WriteString(s.w, showCursor)
	}
	s.block, s.hidden = nil, false
	s.suspended++
}

// suspend takes the block off the screen so that somebody else can use it; the
// returned function lets it come back with its next drawing.
func (s *screen) suspend() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := ""
	if len(s.block) > 0 {
		gone = s.toTop() + eraseBlock
	}
	if s.hidden {
		gone += showCursor
	}
	// A failing terminal shows itself to whoever uses it next.
	_, _ = io.WriteString(s.w, gone)
	s.block, s.hidden = nil, false
	s.suspended++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.suspended = max(s.suspended-1, 0) // it may have been finished meanwhile
	})
}

// isSuspended tells whether somebody else has the terminal.
func (s *screen) isSuspended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.suspended > 0
}
