package logs

import (
	"context"
	"time"
)

// endWhenAway ends the reading of a removed container's log if the engine does
// not. It returns when ctx ends.
func (f *follower) endWhenAway(ctx context.Context, end context.CancelFunc) {
	select {
	case <-ctx.Done():
		return
	case <-f.away:
	}
	if sleep(ctx, goneGrace) == nil {
		end()
	}
}

// wait returns once something has happened since gen, or when a container that
// should be running says nothing for too long.
func (f *follower) wait(ctx context.Context, gen int) error {
	f.mu.Lock()
	if f.gen != gen {
		f.mu.Unlock()
		f.doubt = firstDoubt
		return nil
	}
	f.idle = gen
	ended := f.ended
	f.mu.Unlock()
	f.changed()
	var doubt <-chan time.Time
	if !ended && !f.unreadable {
		timer := time.NewTimer(f.doubt)
		defer timer.Stop()
		doubt = timer.C
	}
	for {
		select {
		case <-f.wake:
			if f.snapshot().gen != gen {
				f.doubt = firstDoubt
				return nil
			}
		case <-doubt:
			f.doubt = min(2*f.doubt, lastDoubt)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sleep waits for the duration or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
