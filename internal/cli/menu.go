package cli

import (
	"sync"

	"github.com/berth-dev/berth/pkg/event"
)

// menu is the keyboard while up is in the foreground.
type menu struct {
	// detach is closed by the key d.
	detach chan struct{}
	// ready is closed once watching can be turned on.
	ready <-chan struct{}
	// watch is called by the key w.
	watch func()
}

// openMenu lets single keys act, if there is a keyboard; without one nobody
// uses the menu.
func (s *session) openMenu(m *menu) error {
	t, err := s.term()
	if err != nil {
		return err
	}
	fd, ok := descriptor(s.env.Stdin)
	if !ok || !t.InTTY || !t.OutTTY {
		return nil
	}
	restore, err := singleKeys(fd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.giveBack = sync.OnceValue(restore)
	s.mu.Unlock()
	s.tell(event.KindNotice, "Keys: d leaves everything running, w turns watching on and off, Ctrl-C stops everything")
	go m.read(s)
	return nil
}

// tell shows a line among the progress.
func (s *session) tell(kind event.Kind, text string) {
	s.mu.Lock()
	progress := s.progress
	s.mu.Unlock()
	progress.Emit(event.Event{Kind: kind, Text: text})
}

// read waits for keys until the input ends.
func (m *menu) read(s *session) {
	detach := sync.OnceFunc(func() { close(m.detach) })
	key := make([]byte, 1)
	for {
		if _, err := s.env.Stdin.Read(key); err != nil { // no keyboard any more
			return
		}
		switch key[0] {
		case 'd', 'D':
			detach()
		case 'w', 'W':
			select {
			case <-m.ready:
				m.watch()
			default: // nothing runs that could be watched
			}
		}
	}
}
