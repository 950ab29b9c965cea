package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// Call is one request as the real adapter would have sent it.
type Call struct {
	Seq    int    // from 1, in the order of their starts
	Method string // the engine method's name, or Ping for the negotiation
	// Args name what the request is about: a container's name or ID as given,
	// references, the project of a list.
	Args    []string
	Mutates bool // it asks the engine to change something
	Start   time.Time
	End     time.Time // zero while it runs
	// Depth is the number of requests in the longest chain that ends with this
	// one, itself included.
	Depth int
	Err   error

	began, ended int // logical clock; ended is 0 while it runs
}

// String is the call for messages: "StartContainer p-web-1".
func (c Call) String() string {
	s := c.Method
	if len(c.Args) > 0 {
		s += " " + strings.Join(c.Args, " ")
	}
	if c.Err != nil {
		s += fmt.Sprintf(" (%v)", c.Err)
	}
	return s
}

// trace records calls. Its fields are guarded by the engine's mutex.
type trace struct {
	calls []*Call
	clock int
	// negotiated is nil before the first request, open while its ping runs,
	// and closed once the API version is agreed on.
	negotiated chan struct{}
	factsKnown bool // the engine's defaults were asked for
}

// begin records the start of a call. The caller holds the mutex.
func (t *trace) begin(r request) *Call {
	t.clock++
	c := &Call{
		Seq: len(t.calls) + 1, Method: r.method, Args: r.args, Mutates: r.mutates,
		Start: time.Now(), began: t.clock,
	}
	t.calls = append(t.calls, c)
	return c
}

// end records the end of a call. The caller holds the mutex.
func (t *trace) end(c *Call, err error) {
	t.clock++
	c.End, c.ended, c.Err = time.Now(), t.clock, err
}

// Calls returns every request so far, in the order of their starts.
func (e *Engine) Calls() []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := make([]Call, len(e.calls))
	for i, c := range e.calls {
		calls[i] = *c
	}
	e.measure(calls)
	return calls
}

// Mutations returns the requests that asked the engine to change something.
func (e *Engine) Mutations() []Call {
	return slices.DeleteFunc(e.Calls(), func(c Call) bool { return !c.Mutates })
}

// Count is the number of requests of the method so far; of all methods if it
// is empty.
func (e *Engine) Count(method string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.calls {
		if method == "" || c.Method == method {
			n++
		}
	}
	return n
}

// ResetCalls forgets the requests so far. The API version stays agreed on, so
// no Ping is counted again.
func (e *Engine) ResetCalls() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = nil
}

// Reconnect forgets the requests so far and the agreed API version: the next
// request counts its Ping, as in a new process of the program.
func (e *Engine) Reconnect() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls, e.negotiated, e.factsKnown = nil, nil, false
}

// LongestChain returns the longest chain of requests that waited for each
// other, in order. A request is taken to have waited for those that had ended
// before it started. With [Tick] the spans decide, and the result does not
// depend on the scheduler; without, the order of events does.
func (e *Engine) LongestChain() []Call {
	calls := e.Calls()
	last := -1
	for i := range calls {
		if last < 0 || calls[i].Depth > calls[last].Depth ||
			calls[i].Depth == calls[last].Depth && calls[i].String() < calls[last].String() {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	chain := []Call{calls[last]}
	for next := chain[0]; next.Depth > 1; next = chain[len(chain)-1] {
		earlier := slices.DeleteFunc(slices.Clone(calls), func(c Call) bool {
			return c.Depth != next.Depth-1 || !e.before(c, next)
		})
		// Of several, the first by name: the same one every time.
		chain = append(chain, slices.MinFunc(earlier, func(a, b Call) int { return strings.Compare(a.String(), b.String()) }))
	}
	slices.Reverse(chain)
	return chain
}

// measure fills in Depth. Calls are in the order of their starts, so what a
// call waited for stands before it and is measured by then.
func (e *Engine) measure(calls []Call) {
	var byEnd []*Call
	for i := range calls {
		if calls[i].ended > 0 {
			byEnd = append(byEnd, &calls[i])
		}
	}
	slices.SortFunc(byEnd, func(a, b *Call) int { return cmp.Compare(a.ended, b.ended) })
	deepest := 0
	for i := range calls {
		for len(byEnd) > 0 && e.before(*byEnd[0], calls[i]) {
			deepest = max(deepest, byEnd[0].Depth)
			byEnd = byEnd[1:]
		}
		calls[i].Depth = deepest + 1
	}
}

// before tells whether a had ended when b started.
func (e *Engine) before(a, b Call) bool {
	if a.ended == 0 {
		return false
	}
	if e.tick > 0 {
		return !a.End.After(b.Start)
	}
	return a.ended < b.began
}

// request says what a method is about to ask.
type request struct {
	method  string
	args    []string
	mutates bool
}

// call sends one request: negotiate first, record, fail if told to, take its
// tick, and apply it under the mutex.
func (e *Engine) call(ctx context.Context, r request, apply func() error) error {
	if err := e.negotiate(ctx); err != nil {
		return err
	}
	return e.send(ctx, r, apply)
}

// send is call without the negotiation.
func (e *Engine) send(ctx context.Context, r request, apply func() error) error {
	c, err := e.open(ctx, r)
	if err != nil {
		return err
	}
	e.mu.Lock()
	err = apply()
	e.mu.Unlock()
	return e.finish(c, err)
}

// open records a request and lets its time pass. An error means that it is
// over, and was not applied. For requests that last, the caller ends it.
func (e *Engine) open(ctx context.Context, r request) (*Call, error) {
	e.mu.Lock()
	c := e.begin(r)
	e.mu.Unlock()
	// Hooks run without the mutex: they may look at the engine.
	err := e.fault(*c)
	if err == nil {
		err = pause(ctx, e.tick)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		err = e.gone()
	}
	if err != nil {
		e.end(c, err)
	}
	return c, err
}

// finish ends a request that open began, with its answer or what became of it.
// IDs in it are short, as the adapter makes them.
func (e *Engine) finish(c *Call, err error) error {
	if refused, ok := err.(*engine.Error); ok { //nolint:errorlint // what wraps it would be lost
		short := *refused
		short.Name, short.Text = engine.ShortIDs(short.Name), engine.ShortIDs(short.Text)
		if strings.Contains(short.Op, "volume") {
			short.Name = refused.Name // an anonymous volume's name, whole
		}
		err = &short
	}
	if lost := e.afterFault(*c); lost != nil {
		err = lost
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end(c, err)
	return err
}

// negotiate sends the first request's ping, or waits for it. A failed one is
// tried again by the next request.
func (e *Engine) negotiate(ctx context.Context) error {
	e.mu.Lock()
	agreed := e.negotiated
	if agreed == nil {
		agreed = make(chan struct{})
		e.negotiated = agreed
		e.mu.Unlock()
		err := e.send(ctx, request{method: "Ping"}, func() error { return nil })
		if err != nil {
			e.mu.Lock()
			e.negotiated = nil
			e.mu.Unlock()
		}
		close(agreed)
		return err
	}
	e.mu.Unlock()
	select {
	case <-agreed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
