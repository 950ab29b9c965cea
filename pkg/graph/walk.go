package graph

import (
	"context"
	"sort"

	"golang.org/x/sync/errgroup"
)

// State is where a node stands after a walk.
type State string

// The states of a node.
const (
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// Outcome is how a node ended.
type Outcome struct {
	State State
	Err   error  // why it failed
	Cause string // for a skipped node: the failed node it depends on; empty when the walk was stopped
}

// WalkOptions bound and steer a walk.
type WalkOptions struct {
	// Limit is how many nodes run at the same time; 0 or less means no limit.
	Limit int
	// Free names nodes that do not count against Limit, such as waits.
	Free func(id string) bool
	// KeepGoing goes on with independent nodes after a failure.
	KeepGoing bool
	// Finish names nodes that are still to be run after a failure elsewhere or
	// after the context has ended, provided that all they need was done.
	Finish func(id string) bool
}

// Walk runs f on every node, each after all it needs has succeeded. A failure
// skips the node's dependents and, unless KeepGoing, stops new submissions; work
// in flight is let finish. The context's end stops new submissions as well. The
// graph must have no cycle: nodes on one are reported as skipped.
func (g *Graph[V]) Walk(ctx context.Context, opt WalkOptions, f func(ctx context.Context, id string, v V) error) map[string]Outcome {
	w := newWalk(g, opt)
	var group errgroup.Group
	results := make(chan result)
	cancelled := ctx.Done()
	for {
		for _, id := range w.runnable(ctx.Err() != nil) {
			w.start(id)
			group.Go(func() error {
				results <- result{id, f(ctx, id, g.values[id])}
				return nil
			})
		}
		if w.running == 0 {
			break
		}
		select {
		case r := <-results:
			w.finish(r)
		case <-cancelled:
			cancelled = nil
		}
	}
	_ = group.Wait() // the functions report through results; they return nil
	w.skipRest()
	return w.outcomes
}

type result struct {
	id  string
	err error
}

// walk is the scheduler's state; only the goroutine in Walk touches it.
type walk[V any] struct {
	g          *Graph[V]
	opt        WalkOptions
	missing    map[string]int // how many needs are not done yet
	dependents map[string][]string
	ready      []string
	rank       map[string]int
	running    int
	weighted   int
	failed     bool
	outcomes   map[string]Outcome
}

func newWalk[V any](g *Graph[V], opt WalkOptions) *walk[V] {
	w := &walk[V]{
		g: g, opt: opt, missing: map[string]int{}, dependents: map[string][]string{},
		rank: map[string]int{}, outcomes: map[string]Outcome{},
	}
	for i, id := range g.order {
		w.rank[id] = i
		needs := g.Needs(id)
		w.missing[id] = len(needs)
		for _, dep := range needs {
			w.dependents[dep] = append(w.dependents[dep], id)
		}
		if len(needs) == 0 {
			w.ready = append(w.ready, id)
		}
	}
	return w
}

func (w *walk[V]) free(id string) bool { return w.opt.Free != nil && w.opt.Free(id) }

// runnable takes from the ready nodes those that may start now.
func (w *walk[V]) runnable(cancelled bool) []string {
	stopped := cancelled || (w.failed && !w.opt.KeepGoing)
	var now, later []string
	weighted := w.weighted
	for _, id := range w.ready {
		switch {
		case stopped && (w.opt.Finish == nil || !w.opt.Finish(id)):
			later = append(later, id)
		case w.free(id):
			now = append(now, id)
		case w.opt.Limit > 0 && weighted >= w.opt.Limit:
			later = append(later, id)
		default:
			weighted++
			now = append(now, id)
		}
	}
	w.ready = later
	return now
}

func (w *walk[V]) start(id string) {
	w.running++
	if !w.free(id) {
		w.weighted++
	}
}

func (w *walk[V]) finish(r result) {
	w.running--
	if !w.free(r.id) {
		w.weighted--
	}
	if r.err != nil {
		w.failed = true
		w.outcomes[r.id] = Outcome{State: Failed, Err: r.err}
		w.skipDependents(r.id, r.id)
		return
	}
	w.outcomes[r.id] = Outcome{State: Done}
	for _, id := range w.dependents[r.id] {
		w.missing[id]--
		if _, ended := w.outcomes[id]; w.missing[id] == 0 && !ended {
			w.ready = append(w.ready, id)
		}
	}
	sort.SliceStable(w.ready, func(i, j int) bool { return w.rank[w.ready[i]] < w.rank[w.ready[j]] })
}

func (w *walk[V]) skipDependents(id, cause string) {
	for _, dep := range w.dependents[id] {
		if _, ended := w.outcomes[dep]; ended {
			continue
		}
		w.outcomes[dep] = Outcome{State: Skipped, Cause: cause}
		w.skipDependents(dep, cause)
	}
}

func (w *walk[V]) skipRest() {
	for _, id := range w.g.order {
		if _, ended := w.outcomes[id]; !ended {
			w.outcomes[id] = Outcome{State: Skipped}
		}
	}
}
