package watch

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/berth-dev/berth/pkg/event"
)

// dispatcher gives out work: for one service one job at a time, for different
// services side by side; all services to be rebuilt at a time together.
type dispatcher struct {
	w       *Watcher
	target  Target
	pending map[string]*work
	busy    map[string]bool
	// rebuilding says that a rebuild is under way.
	rebuilding bool
	done       chan finished
	jobs       sync.WaitGroup
}

// finished is the end of a job.
type finished struct {
	services []string
	rebuild  bool
}

func newDispatcher(w *Watcher, target Target) *dispatcher {
	return &dispatcher{w: w, target: target, pending: map[string]*work{}, busy: map[string]bool{}, done: make(chan finished)}
}

// run works until the context ends, or watching does, whose error it returns.
func (d *dispatcher) run(ctx context.Context, batches <-chan []change, ended <-chan error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case batch := <-batches:
			d.take(batch)
		case <-d.w.signal:
			d.takeInitial()
		case f := <-d.done:
			for _, name := range f.services {
				d.busy[name] = false
			}
			d.rebuilding = d.rebuilding && !f.rebuild
		}
		d.start(ctx)
	}
}

// take works out what changes mean for each service.
func (d *dispatcher) take(batch []change) {
	for _, svc := range d.w.services {
		k := newWork()
		for _, r := range svc.rules {
			k.add(r, batch)
		}
		d.add(svc.name, k)
	}
}

func (d *dispatcher) takeInitial() {
	d.w.mu.Lock()
	asked := d.w.asked
	d.w.asked = map[string]bool{}
	d.w.mu.Unlock()
	for name := range asked {
		k := newWork()
		k.initial = true
		d.add(name, k)
	}
}

func (d *dispatcher) add(name string, k *work) {
	if k.empty() {
		return
	}
	if d.pending[name] == nil {
		d.pending[name] = newWork()
	}
	d.pending[name].merge(k)
}

// start begins what can begin now.
func (d *dispatcher) start(ctx context.Context) {
	rebuild := map[string]*work{}
	for _, svc := range d.w.services {
		k := d.pending[svc.name]
		if k == nil || d.busy[svc.name] || k.rebuild && d.rebuilding {
			continue
		}
		delete(d.pending, svc.name)
		d.busy[svc.name] = true
		if k.rebuild {
			rebuild[svc.name] = k
			continue
		}
		d.spawn(ctx, finished{services: []string{svc.name}}, func() { d.serve(ctx, svc, k) })
	}
	if len(rebuild) == 0 {
		return
	}
	d.rebuilding = true
	names := sortedNames(rebuild)
	d.spawn(ctx, finished{names, true}, func() { d.rebuild(ctx, names, rebuild) })
}

func sortedNames(m map[string]*work) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (d *dispatcher) spawn(ctx context.Context, f finished, job func()) {
	d.jobs.Go(func() {
		job()
		select {
		case d.done <- f:
		case <-ctx.Done():
		}
	})
}

// rebuild rebuilds services, and brings files into their new containers that
// were to be synced: the image need not have them. Where it fails, the old
// containers get what else was to be done.
func (d *dispatcher) rebuild(ctx context.Context, names []string, works map[string]*work) {
	for _, name := range names {
		d.w.notice(name, "Rebuilding service %q after %s", name, changes(len(works[name].changed)))
	}
	err := d.target.Rebuild(ctx, names)
	if err == nil {
		d.w.notice("", "%s rebuilt", quoted(names))
	} else {
		d.fail(ctx, "", fmt.Errorf("rebuild: %w", err))
	}
	var wg sync.WaitGroup
	for _, svc := range d.w.services {
		k := works[svc.name]
		if k == nil {
			continue
		}
		k.rebuild = false
		if err == nil {
			// The program has just started, with all that the image holds.
			k.restart, k.hooks = false, nil
		}
		wg.Go(func() { d.serve(ctx, svc, k) })
	}
	wg.Wait()
}

// serve does the work of one service but for rebuilding it: files, commands, and
// the restart last.
func (d *dispatcher) serve(ctx context.Context, svc *service, k *work) {
	if k.empty() || ctx.Err() != nil {
		return
	}
	if err := d.sync(ctx, svc, k); err != nil {
		d.fail(ctx, svc.name, err)
		return
	}
	for _, r := range k.hooks {
		if err := d.target.Exec(ctx, svc.name, r.hook); err != nil {
			d.fail(ctx, svc.name, fmt.Errorf("service %q: sync+exec: %w", svc.name, err))
		}
	}
	if !k.restart {
		return
	}
	if err := d.target.Restart(ctx, svc.name); err != nil {
		d.fail(ctx, svc.name, fmt.Errorf("service %q: restart: %w", svc.name, err))
		return
	}
	d.w.notice(svc.name, "Service %q restarted", svc.name)
}

// sync brings the files into the containers and says so.
func (d *dispatcher) sync(ctx context.Context, svc *service, k *work) error {
	n := len(k.changed)
	if k.initial {
		all, err := d.w.initialFiles(svc)
		if err != nil {
			return fmt.Errorf("service %q: %w", svc.name, err)
		}
		d.w.notice(svc.name, "Syncing service %q: initial sync of %s", svc.name, count(len(all.changed), "file"))
		all.merge(k)
		*k = *all
	}
	files := k.list()
	switch {
	case len(files) > 0 && n > 0:
		d.w.notice(svc.name, "Syncing service %q after %s", svc.name, changes(n))
	case k.restart && n > 0:
		d.w.notice(svc.name, "Restarting service %q after %s", svc.name, changes(n))
	}
	if len(files) == 0 {
		return nil
	}
	if err := d.target.Sync(ctx, svc.name, files); err != nil {
		return fmt.Errorf("service %q: sync: %w", svc.name, err)
	}
	return nil
}

// fail tells of a failure, unless it comes of the end.
func (d *dispatcher) fail(ctx context.Context, service string, err error) {
	if ctx.Err() == nil {
		d.w.tell(event.KindWarning, service, err.Error())
	}
}

func (w *Watcher) notice(service, format string, args ...any) {
	w.tell(event.KindNotice, service, fmt.Sprintf(format, args...))
}

// changes is "1 change was detected" and so on.
func changes(n int) string {
	if n == 1 {
		return "1 change was detected"
	}
	return fmt.Sprintf("%d changes were detected", n)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// quoted is `Service "a"` or `Services "a", "b"`.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%q", name)
	}
	if len(list) == 1 {
		return "Service " + list[0]
	}
	return "Services " + strings.Join(list, ", ")
}
