package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
)

// imageRefs are the references of all services' images, sorted, each once.
func imageRefs(p *types.Project, separator string) []string {
	seen := map[string]bool{}
	var out []string
	for _, svc := range p.Services {
		ref := desired.ImageName(p, svc, separator)
		if svc.Provider == nil && !seen[ref] {
			seen[ref] = true
			out = append(out, ref)
		}
		for _, hook := range svc.PreStart {
			if hook.Image != "" && !seen[hook.Image] {
				seen[hook.Image] = true
				out = append(out, hook.Image)
			}
		}
		for _, v := range svc.Volumes {
			if v.Type == types.VolumeTypeImage && !seen[v.Source] {
				seen[v.Source] = true
				out = append(out, v.Source)
			}
		}
	}
	sort.Strings(out)
	return out
}

// imageWork is what must be pulled and built.
type imageWork struct {
	pull  []pull
	build []string // services
	// replaced are the IDs of images whose names went to other images.
	replaced []string
	// missing are the images that are not here and may not be had.
	missing []plan.Problem
}

// finishImages pulls and builds what is to be pulled and built, and works out the
// desired state again with what came of it.
func (a *App) finishImages(ctx context.Context, s *upState) error {
	if !s.request.DryRun {
		if err := a.opt.Provider.PrepareModels(ctx, s.loaded.Project); err != nil {
			return err
		}
	}
	if len(s.work.pull) == 0 && len(s.work.build) == 0 {
		return nil
	}
	if s.request.DryRun {
		a.rehearseImages(s.work)
		return nil
	}
	failed, err := a.pullAll(ctx, s.engine, s.work.pull, s.request.QuietPull)
	if err != nil {
		return err
	}
	s.work.build = withFallbacks(s.work, failed)
	if len(s.work.build) > 0 {
		if err := a.buildServices(ctx, s.engine, s.loaded, s.work.build, s.request.QuietBuild); err != nil {
			return err
		}
	}
	before := s.actual.Images
	s.actual.Images, err = s.engine.Images(ctx, imageRefs(s.loaded.Project, separator(s.request.Project))...)
	if err != nil {
		return err
	}
	s.work.replaced = replacedImages(before, s.actual.Images)
	return a.redesire(ctx, s)
}

// withFallbacks are the services to build, with those whose images could not be
// pulled.
func withFallbacks(w imageWork, failed map[string]bool) []string {
	build := append([]string(nil), w.build...)
	for _, p := range w.pull {
		for _, service := range p.fallback {
			if failed[p.ref] && !contains(build, service) {
				build = append(build, service)
			}
		}
	}
	sort.Strings(build)
	return build
}

// replacedImages are the IDs that lost a name to another image, sorted.
func replacedImages(before, after map[string]engine.Image) []string {
	seen := map[string]bool{}
	var out []string
	for ref, old := range before {
		if now, ok := after[ref]; ok && now.ID != old.ID && !seen[old.ID] {
			seen[old.ID] = true
			out = append(out, old.ID)
		}
	}
	sort.Strings(out)
	return out
}

// pruneImages removes the images that this up has replaced (--prune-images). One
// that has another name, or that a container or an image stands on, stays; no
// failure of it is one of up.
func (a *App) pruneImages(ctx context.Context, s *upState) {
	if !s.request.PruneImages || s.request.DryRun {
		return
	}
	for _, id := range s.work.replaced {
		image, err := s.engine.InspectImage(ctx, id)
		if errors.Is(err, engine.ErrNotFound) || err == nil && len(image.Tags) > 0 {
			continue
		}
		short := shortID(id)
		if err == nil {
			err = s.engine.RemoveImage(ctx, id, false)
		}
		switch {
		case err == nil:
			a.status(event.Image, short, "", event.Removed, event.Done, "")
		case errors.Is(err, engine.ErrNotFound):
		default:
			a.status(event.Image, short, "", event.Skipped, event.Warn, "not removed: "+err.Error())
		}
	}
}

// shortID is an image ID as people read it.
func shortID(id string) string {
	const digits = 12
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), digits)]
}

// imageWork decides per image what its service's policy asks for.
func (a *App) imageWork(ctx context.Context, s *upState, refs []string) (imageWork, error) {
	p, sep := s.loaded.Project, separator(s.request.Project)
	images, err := withDetails(ctx, s, sep)
	if err != nil {
		return imageWork{}, err
	}
	builders := buildersOf(p, sep, s.request)
	var w imageWork
	at := map[[2]string]int{} // in w.pull, by reference and platform
	for _, name := range sortedKeys(p.Services) {
		svc := p.Services[name]
		if svc.Provider != nil {
			continue
		}
		ref := desired.ImageName(p, svc, sep)
		image, here := images[ref]
		fits, err := isFor(svc, image, here)
		if err != nil {
			return w, err
		}
		todo, err := decideImage(svc, image, here && fits, builders[ref], s.request)
		var missing *missingImage
		switch {
		case errors.As(err, &missing):
			if here {
				missing.text = fmt.Sprintf("image %s is here for %s only, and may neither be pulled nor built for %s", ref, strings.Join(image.Platforms(), ", "), svc.Platform)
			}
			w.missing = append(w.missing, plan.Problem{Where: "services." + name + "." + missing.key, Text: missing.text})
		case err != nil:
			return w, err
		case todo.build:
			w.build = append(w.build, name)
		case todo.pull:
			key := [2]string{ref, pullPlatform(p, svc)}
			if _, ok := at[key]; !ok {
				at[key] = len(w.pull)
				w.pull = append(w.pull, pull{ref: ref, service: name, platform: key[1]})
			}
			w.pull[at[key]].merge(todo, builders[ref])
		}
	}
	for _, ref := range refs {
		if _, local := images[ref]; !local && !isServiceImage(p, ref, sep) {
			w.pull = append(w.pull, pull{ref: ref, platform: pullPlatform(p, types.ServiceConfig{})})
		}
	}
	return w.withoutBuilt(p, sep), nil
}

// withoutBuilt leaves out the pulls of what is built anyhow.
func (w imageWork) withoutBuilt(p *types.Project, separator string) imageWork {
	built := map[string]bool{}
	for _, name := range w.build {
		built[desired.ImageName(p, p.Services[name], separator)] = true
	}
	var pulls []pull
	for _, pull := range w.pull {
		if !built[pull.ref] {
			pulls = append(pulls, pull)
		}
	}
	w.pull = pulls
	return w
}

// buildersOf are the services that can build each image, by its reference.
func buildersOf(p *types.Project, separator string, r UpRequest) map[string][]string {
	builders := map[string][]string{}
	if r.NoBuild {
		return builders
	}
	for _, name := range sortedKeys(p.Services) {
		if svc := p.Services[name]; svc.Build != nil {
			ref := desired.ImageName(p, svc, separator)
			builders[ref] = append(builders[ref], name)
		}
	}
	return builders
}

// withDetails are the images that are here. A list tells neither when an image
// was tagged, by which a policy of a certain age goes, nor the platform it is
// for: those of services that ask for the one or the other are inspected.
func withDetails(ctx context.Context, s *upState, separator string) (map[string]engine.Image, error) {
	p, images := s.loaded.Project, s.actual.Images
	var ask []string
	for _, name := range sortedKeys(p.Services) {
		svc := p.Services[name]
		ref := desired.ImageName(p, svc, separator)
		image, here := images[ref]
		policy, _, err := policyOf(svc, s.request)
		// decideImage reports what is wrong with a policy.
		byAge := err == nil && policy == types.PullPolicyRefresh && svc.Image != "" && image.LastTagged.IsZero()
		if here && (byAge || svc.Platform != "" && image.OS == "") && !contains(ask, ref) {
			ask = append(ask, ref)
		}
	}
	if len(ask) == 0 {
		return images, nil
	}
	known := maps.Clone(images)
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(adoptLimit)
	for _, ref := range ask {
		g.Go(func() error {
			image, err := s.engine.InspectImage(ctx, ref)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, engine.ErrNotFound) {
				delete(known, ref)
				return nil
			}
			known[ref] = image
			return err
		})
	}
	return known, g.Wait()
}

// isServiceImage tells whether some service's own image has this reference.
func isServiceImage(p *types.Project, ref, separator string) bool {
	for _, svc := range p.Services {
		if svc.Provider == nil && desired.ImageName(p, svc, separator) == ref {
			return true
		}
	}
	return false
}

func (a *App) rehearseImages(w imageWork) {
	for _, p := range w.pull {
		a.dry(event.Image, p.ref, p.service, event.Pulling, event.Pulled)
	}
	for _, name := range w.build {
		a.dry(event.Image, name, name, event.Building, event.Built)
	}
}

func (a *App) dry(resource, name, service string, begin, end event.Status) {
	for _, st := range []event.Status{begin, end} {
		phase := event.Working
		if st == end {
			phase = event.Done
		}
		a.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Resource: resource, Name: name,
			Service: service, Status: st, Phase: phase, DryRun: true,
		})
	}
}

func (a *App) status(resource, name, service string, s event.Status, phase event.Phase, text string) {
	a.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Resource: resource, Name: name,
		Service: service, Status: s, Phase: phase, Text: text,
	})
}

func (a *App) notice(text string) {
	a.opt.Sink.Emit(event.Event{Version: event.Version, Time: time.Now(), Kind: event.KindNotice, Text: text})
}
