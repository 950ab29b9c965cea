package watch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/pkg/event"
)

const (
	// defaultQuiet is how long nothing must change before changes are acted on.
	defaultQuiet = 100 * time.Millisecond
	// defaultLimit is how long changes are gathered that never cease.
	defaultLimit = 2 * time.Second
)

// Target is what watching asks for. Calls for different services come from
// different goroutines; for one service there is never more than one at a time.
type Target interface {
	// Sync puts files into the containers of a service, and removes those that
	// are gone.
	Sync(ctx context.Context, service string, files []File) error
	// Rebuild builds the images of services and replaces their containers. It is
	// never called twice at a time.
	Rebuild(ctx context.Context, services []string) error
	Restart(ctx context.Context, service string) error
	// Exec runs a command in the containers of a service.
	Exec(ctx context.Context, service string, hook types.ServiceHook) error
}

// Options steer a Watcher.
type Options struct {
	// Sink takes notices and warnings.
	Sink event.Sink
	// Quiet is how long nothing must change before changes are acted on; 0 for
	// a tenth of a second. Limit is how long changes are gathered at most; 0 for
	// two seconds.
	Quiet, Limit time.Duration
	// Ready, if set, is called when all paths are watched.
	Ready func()
}

// Watcher carries out the rules of a project's services.
type Watcher struct {
	project  string
	services []*service
	opt      Options

	mu     sync.Mutex
	asked  map[string]bool // services to be synced in full
	signal chan struct{}
}

// New checks the rules of the named services, of all for none. No service with
// rules is ErrNothingToWatch.
func New(p *types.Project, services []string, opt Options) (*Watcher, error) {
	if opt.Sink == nil {
		opt.Sink = event.Discard
	}
	if opt.Quiet == 0 {
		opt.Quiet = defaultQuiet
	}
	if opt.Limit == 0 {
		opt.Limit = defaultLimit
	}
	w := &Watcher{project: p.Name, opt: opt, asked: map[string]bool{}, signal: make(chan struct{}, 1)}
	var warnings []string
	var err error
	w.services, warnings, err = compile(p, services)
	for _, text := range warnings {
		w.tell(event.KindWarning, "", text)
	}
	return w, err
}

// InitialSync asks for all files of a service's rules with initial_sync to be
// copied. It returns at once, and may be called before and while Run runs;
// services without such rules are passed over.
func (w *Watcher) InitialSync(services ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, svc := range w.services {
		for _, name := range services {
			if svc.name == name && svc.hasInitial() {
				w.asked[name] = true
			}
		}
	}
	if len(w.asked) == 0 {
		return
	}
	select {
	case w.signal <- struct{}{}:
	default: // it has not been heard yet
	}
}

func (s *service) hasInitial() bool {
	for _, r := range s.rules {
		if r.initial && r.copies() {
			return true
		}
	}
	return false
}

// Run watches and acts until the context ends, which is no error. Failures of
// the target are told as warnings: the next change is another chance.
func (w *Watcher) Run(ctx context.Context, target Target) error {
	t, err := newTree(w.roots(), w.accepts, w.prunes, func(text string) { w.tell(event.KindWarning, "", text) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	batches, ended := make(chan []change), make(chan error, 1)
	go func() { ended <- t.run(ctx, w.opt.Quiet, w.opt.Limit, batches) }()
	w.tell(event.KindNotice, "", "Watch enabled")
	if w.opt.Ready != nil {
		w.opt.Ready()
	}
	d := newDispatcher(w, target)
	err = d.run(ctx, batches, ended)
	cancel()
	d.jobs.Wait()
	if closeErr := t.fs.Close(); err == nil {
		err = closeErr
	}
	return err
}

// roots are the paths of all rules, each once.
func (w *Watcher) roots() []string {
	seen := map[string]bool{}
	var out []string
	for _, svc := range w.services {
		for _, r := range svc.rules {
			if !seen[r.path] {
				seen[r.path] = true
				out = append(out, r.path)
			}
		}
	}
	return out
}

func (w *Watcher) accepts(name string) bool {
	for _, svc := range w.services {
		for _, r := range svc.rules {
			if r.accepts(name) {
				return true
			}
		}
	}
	return false
}

func (w *Watcher) prunes(dir string) bool {
	for _, svc := range w.services {
		for _, r := range svc.rules {
			if !r.prunes(dir) {
				return false
			}
		}
	}
	return true
}

// initialFiles are all files of a service's rules with initial_sync, folders
// before what is in them, and those rules.
func (w *Watcher) initialFiles(svc *service) (*work, error) {
	k := newWork()
	for _, r := range svc.rules {
		if !r.initial || !r.copies() {
			continue
		}
		found, err := r.scan()
		if err != nil {
			return nil, fmt.Errorf("initial sync of %s: %w", r.path, err)
		}
		k.add(r, found)
	}
	return k, nil
}

func (w *Watcher) tell(kind event.Kind, service, text string) {
	w.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: time.Now(), Kind: kind, Project: w.project, Service: service, Text: text,
	})
}
