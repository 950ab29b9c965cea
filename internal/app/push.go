package app

import (
	"context"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// pushed is one name of an image to push.
type pushed struct{ ref, service string }

// Push pushes the images of services that are built here, under all their names.
func (a *App) Push(ctx context.Context, r PushRequest) error {
	e, err := a.connect()
	if err != nil {
		return err
	}
	loaded, err := a.load(ctx, r.Project, r.Services, !r.IncludeDeps)
	if err != nil {
		return err
	}
	a = a.quietly(r.Quiet)
	list := a.pushList(loaded.Project)
	if r.DryRun {
		for _, p := range list {
			a.dry(event.Image, p.ref, p.service, event.Pushing, event.Pushed)
		}
		return nil
	}
	return a.pushAll(ctx, e, list, r)
}

// pushList are the names to push, each once, with the first service that has it.
func (a *App) pushList(p *types.Project) []pushed {
	var list []pushed
	for _, name := range sortedKeys(p.Services) {
		svc := p.Services[name]
		if svc.Build == nil || svc.Image == "" {
			a.status(event.Service, name, name, event.Skipped, event.Done, "it is not built here or has no image name")
			continue
		}
		for _, ref := range append([]string{svc.Image}, svc.Build.Tags...) {
			if !slices.ContainsFunc(list, func(p pushed) bool { return p.ref == ref }) {
				list = append(list, pushed{ref: ref, service: name})
			}
		}
	}
	return list
}

// pushAll pushes side by side.
func (a *App) pushAll(ctx context.Context, e Engine, list []pushed, r PushRequest) error {
	b := a.newBatch()
	for _, p := range list {
		b.add(ctx, func() error { return a.pushOne(ctx, e, p.ref, p.service, r) })
	}
	return b.wait()
}

func (a *App) pushOne(ctx context.Context, e Engine, ref, service string, r PushRequest) error {
	a.status(event.Image, ref, service, event.Pushing, event.Working, "")
	opt := engine.PullOptions{}
	if !r.Quiet {
		opt.Progress = a.layers(ref)
	}
	err := a.retry(ctx, pullTries, "push "+ref, func() error { return e.PushImage(ctx, ref, opt) })
	switch {
	case err == nil:
		a.status(event.Image, ref, service, event.Pushed, event.Done, "")
		return nil
	case ctx.Err() != nil:
		a.status(event.Image, ref, service, event.Skipped, event.Warn, "interrupted")
		return ctx.Err()
	case r.IgnorePushFailures:
		a.status(event.Image, ref, service, event.Skipped, event.Warn, "not pushed: "+reasonOf(err))
		return nil
	}
	a.status(event.Image, ref, service, event.Error, event.Failed, reasonOf(err))
	return ofService(service, err)
}
