package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

const (
	// defaultGrace is what an engine gives a container that asks for no
	// stop_grace_period of its own.
	defaultGrace = 10 * time.Second
	// settleMargin is what an engine may take beyond the grace period.
	settleMargin = 2 * time.Second
)

// Settle waits until the containers of a project have ended that a command which
// was killed had asked the engine to stop: until then they count as running, and
// nothing but the event of the signal tells. since is when that command began. No
// container is waited for longer than its grace period, or ten seconds where that
// has no end.
func Settle(ctx context.Context, e Watcher, project string, since time.Time) error {
	asked, err := asksToStop(ctx, e, project, since)
	if err != nil {
		return err
	}
	begun := time.Now()
	for id := range asked {
		if err := untilEnded(ctx, e, id, begun); err != nil {
			return err
		}
	}
	return nil
}

// asksToStop are the containers that have been sent a signal and have not been
// started since, by ID.
func asksToStop(ctx context.Context, e Watcher, project string, since time.Time) (map[string]bool, error) {
	stream, err := e.Events(ctx, engine.EventFilter{
		Project: project, Kinds: []string{"container"}, Since: moment(since), Until: moment(time.Now()),
	})
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for ev := range stream.C {
		switch ev.Action {
		case "kill":
			asked[ev.ID] = true
		case "start", "destroy": // not "die": an engine counts a container as running for some time after it
			delete(asked, ev.ID)
		}
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	return asked, ctx.Err()
}

// moment is a time as the engine's filters take it.
func moment(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// untilEnded waits for the end of a container.
func untilEnded(ctx context.Context, e Watcher, id string, begun time.Time) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		detail, err := e.InspectContainer(ctx, id)
		if errors.Is(err, engine.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		grace := defaultGrace
		if detail.StopTimeout != nil && *detail.StopTimeout >= 0 { // negative: for ever, which nobody waits for here
			grace = *detail.StopTimeout
		}
		if !detail.IsRunning() || time.Since(begun) > grace+settleMargin {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
