package watch

import (
	"context"
	"errors"
	"sort"
	"time"

	"github.com/fsnotify/fsnotify"
)

// batch ends the batch and gives its changes, sorted by path.
func (t *tree) batch() []change {
	out := make([]change, 0, len(t.touched))
	for name, before := range t.touched {
		now := t.known(name)
		if before == isNothing && now == isNothing {
			continue // it came and went
		}
		out = append(out, change{name, before, now})
	}
	t.touched = map[string]kind{}
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out
}

// run sends batches until the context ends: when nothing has changed for the
// quiet period, or at the latest when the limit is over.
func (t *tree) run(ctx context.Context, quiet, limit time.Duration, out chan<- []change) error {
	var still, late <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case ev, ok := <-t.fs.Events:
			if !ok {
				return nil
			}
			err = t.handle(ev)
		case lost, ok := <-t.fs.Errors:
			if !ok {
				return nil
			}
			err = t.recover(lost)
		case <-still:
			still, late = nil, nil
			send(ctx, out, t.batch())
		case <-late:
			still, late = nil, nil
			send(ctx, out, t.batch())
		}
		if err != nil {
			return err
		}
		if !t.stirred {
			continue
		}
		t.stirred = false
		still = time.After(quiet)
		if late == nil {
			late = time.After(limit)
		}
	}
}

// recover goes on after an error of the system's.
func (t *tree) recover(lost error) error {
	if !errors.Is(lost, fsnotify.ErrEventOverflow) {
		t.warn("watch files: " + lost.Error())
	}
	return t.rescan()
}

// send hands a batch on, unless the context ends.
func send(ctx context.Context, out chan<- []change, batch []change) {
	if len(batch) == 0 {
		return
	}
	select {
	case out <- batch:
	case <-ctx.Done():
	}
}
