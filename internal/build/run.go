package build

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/util/bklog"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/pkg/event"
)

// Run builds the targets and returns the images by service. Targets that do
// not need each other are built at the same time; the first failure ends the
// others. A build that fails is an *Error with the failing lines of the
// Dockerfile. When ctx ends, the engine stops building.
func Run(ctx context.Context, dialer Dialer, targets []Target, o Options) (map[string]Result, error) {
	o = o.complete()
	jobs, err := newJobs(targets, o)
	if err != nil {
		return nil, err
	}
	if err := perform(ctx, dialer, jobs, o, (*builder).solve); err != nil {
		return nil, err
	}
	results := map[string]Result{}
	for _, j := range jobs {
		for _, service := range j.services {
			results[service] = j.result
		}
	}
	return results, nil
}

// perform does work on every job with the engine's BuildKit.
func perform(ctx context.Context, dialer Dialer, jobs []*job, o Options, work func(*builder, context.Context, *job) error) error {
	if len(jobs) == 0 {
		return nil
	}
	if o.ForceClassic || !o.Builder.isRemote() && o.lacks(withBuildKit) {
		return classic(ctx, jobs, o)
	}
	if err := checkAll(jobs, o); err != nil {
		return err
	}
	ctx = withoutLog(ctx)
	groups, err := newGroups(ctx, jobs, o)
	if err != nil {
		return err
	}
	b := builder{options: o, dialer: dialer}
	if err := b.connect(ctx); isWithoutBuildKit(err) {
		return classic(ctx, jobs, o)
	} else if err != nil {
		return err
	}
	defer func() { _ = b.client.Close() }() // every answer has come
	return b.run(ctx, jobs, groups, work)
}

// withoutLog keeps BuildKit's client from writing log lines to the terminal.
func withoutLog(ctx context.Context) context.Context {
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	return bklog.WithLogger(ctx, logrus.NewEntry(silent))
}

// builder carries out the jobs of one Run.
type builder struct {
	options Options
	dialer  Dialer
	client  *client.Client
	screen  *screen
}

// connect makes the client of the engine's BuildKit. The first connection is
// made at once, so that an engine without BuildKit is known here.
func (b *builder) connect(ctx context.Context) error {
	if b.options.Builder.isRemote() {
		var err error
		b.client, err = b.options.Builder.connect(ctx, b.options)
		return err
	}
	dial := func(ctx context.Context) (net.Conn, error) { return b.dialer.Dial(ctx, "/grpc", "h2c", nil) }
	first, err := dial(ctx)
	if err != nil {
		return err
	}
	made := make(chan net.Conn, 1)
	made <- first
	b.client, err = client.New(ctx, "", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		select {
		case conn := <-made:
			return conn, nil
		default:
			return dial(ctx)
		}
	}))
	if err != nil {
		_ = first.Close() // nothing has been sent on it
		return fmt.Errorf("connect to the engine's BuildKit: %w", err)
	}
	return nil
}

// dialSession opens the connection of a session.
func (b *builder) dialSession(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	if b.options.Builder.isRemote() {
		return b.client.Dialer()(ctx, proto, meta)
	}
	return b.dialer.Dial(ctx, "/session", proto, meta)
}

// run opens the sessions and the display, and does the work.
func (b *builder) run(ctx context.Context, jobs []*job, groups []*group, work func(*builder, context.Context, *job) error) (err error) {
	// The sessions end after the solves, also when those are cancelled.
	sessions, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for _, g := range groups {
		if err := g.start(sessions, b.options, b.dialSession); err != nil {
			return err
		}
		defer func() { err = join(err, g.stop()) }()
	}
	if b.screen, err = newScreen(ctx, b.options); err != nil {
		return err
	}
	err = b.each(ctx, jobs, work)
	return join(err, b.screen.close(err))
}

// each does the work on every job after those it needs.
func (b *builder) each(ctx context.Context, jobs []*job, work func(*builder, context.Context, *job) error) error {
	limit := len(jobs)
	if b.options.Parallel > 0 {
		limit = min(limit, b.options.Parallel)
	}
	slots := make(chan struct{}, limit)
	all, ctx := errgroup.WithContext(ctx)
	for _, j := range jobs {
		all.Go(func() error {
			for _, needed := range j.needs {
				select {
				case <-needed.done:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			defer func() { <-slots }()
			if err := work(b, ctx, j); err != nil {
				return err
			}
			close(j.done)
			return nil
		})
	}
	return all.Wait()
}

// join is the first error if there is one: what follows from it is noise.
func join(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// solve builds one job's image and tells the sink.
func (b *builder) solve(ctx context.Context, j *job) error {
	b.tell(j, event.Building, event.Working, "")
	load := b.startLoad(ctx, j)
	response, err := b.request(ctx, j)
	err = load.finish(err)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failure := newError(j, err)
		b.tell(j, event.Error, event.Failed, failure.Error())
		return failure
	}
	j.result = newResult(j, response.ExporterResponse, b.options.Builder.isRemote())
	b.tell(j, event.Built, event.Done, "")
	return nil
}

// newResult reads what the exporter said. Images that were loaded from an
// archive are known by their configuration; the engine's own exporter says
// itself what the engine knows an image by.
func newResult(j *job, answer map[string]string, loaded bool) Result {
	result := Result{ImageID: answer["containerimage.digest"], Tags: j.target.Tags}
	config := answer["containerimage.config.digest"]
	if config == "" || config == result.ImageID {
		return result
	}
	result.Digest = result.ImageID
	if loaded {
		result.ImageID = config
	}
	return result
}

// request sends one solve and waits for its end.
func (b *builder) request(ctx context.Context, j *job) (*client.SolveResponse, error) {
	r, err := b.prepare(ctx, j)
	if err != nil {
		return nil, err
	}
	opt := client.SolveOpt{
		FrontendAttrs:         r.attrs,
		AllowedEntitlements:   r.entitlements,
		SharedSession:         j.group.session,
		SessionPreInitialized: true,
		Exports:               []client.ExportEntry{b.export(j)},
		CacheImports:          cacheOptions(r.cacheFrom),
		CacheExports:          cacheOptions(r.cacheTo),
	}
	var shared *llb.State
	if j.context != "" && j.context != contextName {
		state := j.input()
		shared = &state
	}
	feed, shown := b.screen.channel(j)
	if !b.options.Builder.isRemote() && b.options.lacks(modernFrontend) {
		own := &frontend{shared: shared}
		response, err := b.client.Build(ctx, opt, "", own.build, feed)
		<-shown
		if err != nil {
			err = own.locate(j.failed, err)
		}
		return response, err
	}
	opt.Frontend = "dockerfile.v0"
	if shared != nil {
		opt.FrontendInputs = map[string]llb.State{contextName: *shared}
	}
	response, err := b.client.Solve(ctx, nil, opt, feed)
	<-shown
	return response, err
}

// prepare is what a job asks of BuildKit, with its files.
func (b *builder) prepare(ctx context.Context, j *job) (request, error) {
	r, err := newRequest(j.target, b.options, b.hostGateway(ctx, j))
	if err == nil {
		r.setFiles(j, b.options)
	}
	return r, err
}

// hostGateway is the address that host-gateway stands for in a job; empty when
// the job does not need it or nobody knows.
func (b *builder) hostGateway(ctx context.Context, j *job) string {
	needed := false
	for _, addresses := range j.target.Build.ExtraHosts {
		needed = needed || slices.Contains(addresses, hostGateway)
	}
	if !needed {
		return ""
	}
	workers, err := b.client.ListWorkers(ctx)
	if err == nil && len(workers) > 0 {
		if address := workers[0].Labels["org.mobyproject.buildkit.worker.moby.host-gateway-ip"]; address != "" {
			return address
		}
	}
	return b.options.HostGatewayIP
}

// tell reports the status of a job's image.
func (b *builder) tell(j *job, status event.Status, phase event.Phase, text string) {
	b.options.emit(event.Event{
		Kind: event.KindStatus, Resource: event.Image, Name: j.target.Tags[0], Service: j.target.Service,
		Status: status, Phase: phase, Text: text,
	})
}

// cacheOptions are cache entries in BuildKit's words.
func cacheOptions(entries []cacheEntry) []client.CacheOptionsEntry {
	options := make([]client.CacheOptionsEntry, len(entries))
	for i, entry := range entries {
		options[i] = client.CacheOptionsEntry{Type: entry.kind, Attrs: entry.attrs}
	}
	return options
}
