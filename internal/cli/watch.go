package cli

import (
	"context"
	"sync"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// watcher carries out the rules of develop.watch.
type watcher interface {
	Watch(context.Context, app.WatchRequest, app.Control) error
	CheckWatch(context.Context, app.WatchRequest) error
}

func newWatch(s *session, runF run[app.WatchRequest]) *cobra.Command {
	var r app.WatchRequest
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "watch [OPTIONS] [SERVICE...]",
		Short: "Bring changed files into the containers as they change",
		Long: `Bring services up and carry out the rules of their develop.watch sections as files
change, until Ctrl-C. The containers are left running.`,
		Example: `  berth watch
  berth watch --no-up web`,
	})
	flags := cmd.Flags()
	flags.BoolVar(&r.NoUp, "no-up", false, "Do not build and start services first")
	flags.BoolVar(&r.Prune, "prune", true, "Remove the images that rebuilds replace")
	flags.BoolVar(&r.Quiet, "quiet", false, "Do not show the output of builds")
	addLockTimeout(flags, &r.LockTimeout)
	addTakeOver(flags, &r.TakeOver)

	runF = runF.or(shown(s, "watch", runWatch))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Services, s.foreground = s.project(), args, true
		r.DryRun = s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runWatch(ctx context.Context, s *session, use watcher, r app.WatchRequest) error {
	return use.Watch(ctx, r, app.Control{Faster: s.interrupts.Faster()})
}

// watching is the watch beside an attached up, which can be turned on and off.
type watching struct {
	use     watcher
	request app.WatchRequest
	notice  func(string)
	warn    func(string)

	mu     sync.Mutex
	cancel context.CancelFunc // nil while it is off
	done   chan struct{}
}

// on begins to watch, unless it is on.
func (w *watching) on(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		return
	}
	ctx, w.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	w.done = done
	go func() {
		defer close(done)
		if err := w.use.Watch(ctx, w.request, app.Control{}); err != nil && ctx.Err() == nil {
			w.warn("watching has ended: " + err.Error())
		}
	}()
}

// off ends it and waits for its end; false: it was off.
func (w *watching) off() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel == nil {
		return false
	}
	w.cancel()
	<-w.done
	w.cancel = nil
	return true
}

// toggle is the key w.
func (w *watching) toggle(ctx context.Context) {
	if w.off() {
		w.notice("Watch disabled")
		return
	}
	if err := w.use.CheckWatch(ctx, w.request); err != nil {
		w.warn(err.Error())
		return
	}
	w.on(ctx)
}
