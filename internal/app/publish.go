package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/remote"
	"github.com/berth-dev/berth/pkg/event"
)

// artifactResource is what a published project is called in events.
const artifactResource = "Artifact"

// PublishRequest asks to put a project's Compose files into a registry.
type PublishRequest struct {
	Project ProjectOptions
	// Repository is REGISTRY/NAME[:TAG].
	Repository          string
	OCIVersion          string // 1.0, 1.1, or empty for what the registry takes
	ResolveImageDigests bool   // add a layer that pins images
	WithEnv             bool   // publish env files too
	App                 bool   // pin images and copy them beside the artifact
	Yes                 bool   // do not ask
	Insecure            bool   // the registry's certificate is not checked; it may speak plain HTTP
	DryRun              bool
}

// Publish sends the Compose files as they are written, not the resolved model,
// so that whoever fetches them brings variables of their own. What everybody
// would see then is said and asked first.
func (a *App) Publish(ctx context.Context, r PublishRequest) error {
	target, registry, err := remote.CheckTarget(r.Repository, r.OCIVersion)
	if err != nil {
		return err
	}
	p, err := a.publication(ctx, r)
	if err != nil {
		return err
	}
	if err := a.publicConsent(ctx, r, target, p); err != nil {
		return err
	}
	if r.DryRun {
		a.rehearsed(artifactResource, target, event.Pushed)
		return nil
	}
	if err := a.pushBuilt(ctx, p.loaded.Project); err != nil {
		return err
	}
	options := a.elsewhere(r.Project)
	if r.Insecure {
		options.Insecure = append([]string{registry}, options.Insecure...)
	}
	artifact := remote.Artifact{
		Repository: r.Repository, OCIVersion: r.OCIVersion, Layers: p.bundled.Layers, Created: time.Now(), Copying: a.copying,
	}
	if r.ResolveImageDigests || r.App {
		if err := a.pin(ctx, r, p.loaded.Project, &artifact); err != nil {
			return err
		}
	}
	a.status(artifactResource, target, "", event.Pushing, event.Working, "")
	done, err := remote.Publish(ctx, options, artifact)
	if err != nil {
		a.status(artifactResource, target, "", event.Error, event.Failed, err.Error())
		return err
	}
	a.status(artifactResource, target, "", event.Pushed, event.Done, "")
	a.notice("use it with -f oci://" + done.Reference + " or, exactly this one, -f oci://" + done.Reference + "@" + done.Digest)
	return nil
}

// elsewhere says how files are fetched and published.
func (a *App) elsewhere(o ProjectOptions) remote.Options {
	return remote.Options{Environ: a.opt.Environ, Insecure: o.Insecure, UserAgent: "berth/" + a.opt.Version}
}

// publication is what is about to become public.
type publication struct {
	loaded  *project.Loaded
	bundled remote.Bundled
	binds   []string // one line for each bind mount
}

// publication loads the project with all its profiles, checks that it can be of use
// elsewhere, and makes layers of its files.
func (a *App) publication(ctx context.Context, r PublishRequest) (*publication, error) {
	opt := a.options(r.Project)
	opt.Profiles, opt.AllResources = []string{"*"}, true
	var stdin []byte
	if contains(opt.Files, "-") && opt.Stdin != nil {
		var err error
		if stdin, err = io.ReadAll(opt.Stdin); err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		opt.Stdin = bytes.NewReader(stdin)
	}
	loaded, err := project.Load(ctx, opt)
	if err != nil {
		return nil, err
	}
	a.warn(loaded.Warnings...)
	if err := checkImages(loaded.Project); err != nil {
		return nil, err
	}
	sources := make([]remote.Source, 0, len(loaded.ConfigFiles))
	for _, name := range loaded.ConfigFiles {
		content := stdin
		if name != "-" {
			if content, err = os.ReadFile(name); err != nil {
				return nil, fmt.Errorf("read the compose file: %w", err)
			}
		}
		sources = append(sources, remote.Source{Name: name, Content: content})
	}
	bundled, err := remote.Bundle(sources, remote.BundleOptions{
		Dir: loaded.Project.WorkingDir, Environment: loaded.Environment, WithEnv: r.WithEnv, Version: a.opt.Version,
		Remote: a.isRemote(r.Project, opt),
	})
	if err != nil {
		return nil, err
	}
	return &publication{loaded: loaded, bundled: bundled, binds: bindMounts(loaded)}, nil
}

// isRemote tells references from names of local files.
func (a *App) isRemote(o ProjectOptions, opt project.Options) func(string) bool {
	loaders := opt.Remote
	if len(loaders) == 0 {
		loaders = remote.Loaders(a.elsewhere(o))
	}
	return func(name string) bool {
		for _, l := range loaders {
			if l.Accept(name) {
				return true
			}
		}
		return false
	}
}

// checkImages refuses services that only who has the sources can run.
func checkImages(p *types.Project) error {
	var bare []string
	for _, name := range sortedKeys(p.Services) {
		if svc := p.Services[name]; svc.Image == "" && svc.Provider == nil {
			bare = append(bare, name)
		}
	}
	if len(bare) > 0 {
		return fmt.Errorf("services without an image cannot be published: %s (give each an image: name beside build:)", strings.Join(bare, ", "))
	}
	return nil
}

// bindMounts lists what the project takes from the machine it runs on: of such
// things only the names are published.
func bindMounts(loaded *project.Loaded) []string {
	var out []string
	add := func(source string, path ...string) {
		text := strings.Join(path, ".") + ": the folder or file " + source + " of the machine is mounted; only its name is published"
		if file, line, ok := loaded.Where(path...); ok {
			text = fmt.Sprintf("%s:%d: %s", filepath.ToSlash(file), line, text)
		}
		out = append(out, text)
	}
	p := loaded.Project
	for _, name := range sortedKeys(p.Services) {
		for i, v := range p.Services[name].Volumes {
			if v.Type == types.VolumeTypeBind {
				add(v.Source, "services", name, "volumes", fmt.Sprint(i))
			}
		}
	}
	for _, name := range sortedKeys(p.Volumes) {
		options := p.Volumes[name].DriverOpts
		if contains(strings.Split(options["o"], ","), "bind") || contains(strings.Split(options["o"], ","), "rbind") {
			add(options["device"], "volumes", name, "driver_opts")
		}
	}
	return out
}

// publicConsent tells what would become public and asks whether it may.
func (a *App) publicConsent(ctx context.Context, r PublishRequest, target string, p *publication) error {
	for _, left := range p.bundled.Left {
		a.warn(left.String())
	}
	told := append([]string(nil), p.binds...)
	for _, f := range p.bundled.Findings {
		told = append(told, f.String())
	}
	if len(told) == 0 {
		return nil
	}
	a.warn(told...)
	if r.Yes || r.DryRun {
		return nil
	}
	if a.opt.Confirm == nil {
		return errors.New("not published: nobody can be asked about the warnings above (publish with --yes if they are meant)")
	}
	yes, err := a.opt.Confirm(ctx, "Everybody who can read "+target+" will see what the warnings above name. Publish it?")
	if err != nil {
		return fmt.Errorf("not published: %w (publish with --yes if the warnings above are meant)", err)
	}
	if !yes {
		return errors.New("not published: the answer was no")
	}
	return nil
}

// rehearsed tells what would be done.
func (a *App) rehearsed(resource, name string, s event.Status) {
	a.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Resource: resource, Name: name,
		Status: s, Phase: event.Done, DryRun: true,
	})
}

// pushBuilt pushes the images that are built here, as who fetches the project
// cannot build them. One that is not built yet is only told of.
func (a *App) pushBuilt(ctx context.Context, p *types.Project) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(pullLimit)
	for _, name := range sortedKeys(p.Services) {
		svc := p.Services[name]
		if svc.Build == nil || svc.Image == "" {
			continue
		}
		e, err := a.connect()
		if err != nil {
			return err
		}
		g.Go(func() error { return a.pushOne(ctx, e, svc.Image, name, PushRequest{IgnorePushFailures: true}) })
	}
	return g.Wait()
}

// pin finds out the digest of every image and adds the layer that names them.
func (a *App) pin(ctx context.Context, r PublishRequest, p *types.Project, artifact *remote.Artifact) error {
	var mu sync.Mutex
	byService, byImage := map[string]string{}, map[string]string{}
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(pullLimit)
	for _, image := range serviceImages(p) {
		g.Go(func() error {
			pinned, err := a.digest(group, image)
			mu.Lock()
			defer mu.Unlock()
			byImage[image] = pinned
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for name, svc := range p.Services {
		if svc.Image != "" {
			byService[name] = byImage[svc.Image]
		}
	}
	layer, err := remote.DigestLayer(byService, a.opt.Version)
	if err != nil {
		return err
	}
	artifact.Layers = append(artifact.Layers, layer)
	if r.App {
		for _, image := range serviceImages(p) {
			artifact.Images = append(artifact.Images, byImage[image])
		}
	}
	return nil
}

// serviceImages are the images of services as they are written, each once.
func serviceImages(p *types.Project) []string {
	seen := map[string]bool{}
	for _, svc := range p.Services {
		if svc.Image != "" {
			seen[svc.Image] = true
		}
	}
	return sortedKeys(seen)
}

// digest completes an image's name with the digest that its registry has now.
func (a *App) digest(ctx context.Context, image string) (string, error) {
	if remote.IsPinned(image) {
		return remote.WithDigest(image, "")
	}
	e, err := a.connect()
	if err != nil {
		return "", err
	}
	sum, err := e.ResolveDigest(ctx, image)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", image, err)
	}
	return remote.WithDigest(image, sum)
}

// copying tells of images on their way into the artifact's repository.
func (a *App) copying(image string, done bool) {
	if done {
		a.status(event.Image, image, "", event.Copied, event.Done, "")
		return
	}
	a.status(event.Image, image, "", event.Copying, event.Working, "")
}
