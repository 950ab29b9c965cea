package cli

import (
	"sync"

	"github.com/berth-dev/berth/internal/ui"
	"github.com/berth-dev/berth/pkg/event"
)

// menu is the keyboard while up is in the foreground.
type menu struct {
	// detach is closed by the key d.
	detach chan struct{}
}

// openMenu lets single keys act, if there is a keyboard; without one it returns
// a menu that nobody uses.
func (s *session) openMenu() (*menu, error) {
	m := &menu{detach: make(chan struct{})}
	t, err := s.term()
	if err != nil {
		return nil, err
	}
	fd, ok := descriptor(s.env.Stdin)
	if !ok || !t.InTTY || !t.OutTTY {
		return m, nil
	}
	restore, err := singleKeys(fd)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.giveBack = sync.OnceValue(restore)
	progress := s.progress
	s.mu.Unlock()
	tellKeys(progress)
	go m.read(s)
	return m, nil
}

// tellKeys says which keys there are.
func tellKeys(progress *ui.Progress) {
	progress.Emit(event.Event{Kind: event.KindNotice, Text: "Keys: d leaves everything running, Ctrl-C stops it"})
}

// read waits for keys until the input ends.
func (m *menu) read(s *session) {
	detach := sync.OnceFunc(func() { close(m.detach) })
	key := make([]byte, 1)
	for {
		if _, err := s.env.Stdin.Read(key); err != nil { // no keyboard any more
			return
		}
		if key[0] == 'd' || key[0] == 'D' {
			detach()
		}
	}
}
