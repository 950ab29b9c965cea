package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// statsPause is the time between two samples of a live display.
const statsPause = 500 * time.Millisecond

// StatsRequest asks for the resource use of services' containers.
type StatsRequest struct {
	Project  ProjectOptions
	Services []string
	All      bool // containers that do not run too
	Stream   bool // again and again, until the context ends
}

// StatsRow is the resource use of one container.
type StatsRow struct {
	engine.Stats
	// NoData is set for containers that do not run or have sent nothing yet.
	NoData bool
}

// Stats gives the resource use of containers, sorted by service and number: once,
// or every half second.
func (a *App) Stats(ctx context.Context, r StatsRequest, each func([]StatsRow) error) error {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return err
	}
	list, err := found.all(r.Services)
	if err != nil {
		return err
	}
	m := &measuring{app: a, request: r, rows: map[string]StatsRow{}, streams: map[string]context.CancelFunc{}}
	if !r.Stream {
		return m.once(ctx, list, each)
	}
	return m.live(ctx, found, list, each)
}

// measuring is one run of Stats.
type measuring struct {
	app     *App
	request StatsRequest
	mu      sync.Mutex
	rows    map[string]StatsRow // the latest sample by container ID
	streams map[string]context.CancelFunc
	list    []engine.Container
}

func (m *measuring) take(s engine.Stats) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[s.ID] = StatsRow{Stats: s}
	return nil
}

// once asks each running container for one sample, all at the same time: the
// engine measures for a second.
func (m *measuring) once(ctx context.Context, list []engine.Container, each func([]StatsRow) error) error {
	m.list = list
	g, gctx := errgroup.WithContext(ctx)
	for _, c := range list {
		if c.State != engine.Running && c.State != engine.Paused {
			continue
		}
		g.Go(func() error {
			err := m.app.engine.Stats(gctx, c.ID, false, func(s engine.Stats) error {
				s.ID = c.ID
				return m.take(s)
			})
			if errors.Is(err, engine.ErrNotFound) {
				return nil // it has gone meanwhile
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return each(m.table())
}

// table is the latest sample of each container.
func (m *measuring) table() []StatsRow {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []StatsRow
	for _, c := range m.list {
		row, ok := m.rows[c.ID]
		if !ok {
			row.NoData = true
		}
		if !c.IsRunning() {
			if !m.request.All {
				continue
			}
			row = StatsRow{NoData: true}
		}
		row.ID, row.Name = c.ID, c.Name
		out = append(out, row)
	}
	return out
}

// live follows the containers' samples; the engine's events tell when to look
// for others.
func (m *measuring) live(ctx context.Context, found *existing, list []engine.Container, each func([]StatsRow) error) error {
	streaming, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	events, err := m.app.engine.Events(streaming, engine.EventFilter{Project: found.state.Project, Kinds: []string{"container"}})
	if err != nil {
		return err
	}
	m.follow(streaming, &running, list)
	tick := time.NewTicker(statsPause)
	defer tick.Stop()
	changed := false
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, open := <-events.C:
			if !open {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return events.Err()
			}
			changed = changed || m.concerns(e)
			continue
		case <-tick.C:
		}
		if changed {
			changed = false
			if err := m.look(streaming, &running, found); err != nil {
				return err
			}
		}
		if err := each(m.table()); err != nil {
			return err
		}
	}
}

// look reads again which containers there are, and follows those.
func (m *measuring) look(ctx context.Context, running *sync.WaitGroup, found *existing) error {
	state, err := actual.Read(ctx, m.app.engine, actual.Query{Project: found.state.Project})
	if err != nil {
		return err
	}
	found.state = state
	list, err := found.all(nil)
	if err != nil {
		return err
	}
	m.follow(ctx, running, list)
	return nil
}

// concerns tells whether an event changes which containers there are to measure.
func (m *measuring) concerns(e engine.Event) bool {
	switch e.Action {
	case "create", "start", "die", "destroy", "rename", "pause", "unpause":
		return len(m.request.Services) == 0 || contains(m.request.Services, e.Attributes[labels.Service])
	}
	return false
}

// follow opens a stream for each running container that has none, and ends those
// of containers that do not run any more.
func (m *measuring) follow(ctx context.Context, running *sync.WaitGroup, list []engine.Container) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = nil
	alive := map[string]bool{}
	for _, c := range list {
		if len(m.request.Services) > 0 && !contains(m.request.Services, c.Labels[labels.Service]) {
			continue
		}
		m.list = append(m.list, c)
		if !c.IsRunning() {
			continue
		}
		alive[c.ID] = true
		if m.streams[c.ID] != nil {
			continue
		}
		streaming, stop := context.WithCancel(ctx)
		m.streams[c.ID] = stop
		running.Add(1)
		go func() {
			defer running.Done()
			// Its end shows in the events; an engine that is lost, there as well.
			_ = m.app.engine.Stats(streaming, c.ID, true, func(s engine.Stats) error {
				s.ID = c.ID
				return m.take(s)
			})
		}()
	}
	for id, stop := range m.streams {
		if !alive[id] {
			stop()
			delete(m.streams, id)
			delete(m.rows, id)
		}
	}
}
