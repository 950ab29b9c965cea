package build

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// frontend is the Dockerfile frontend running in this process instead of in the
// engine. Engines before 23 have one that knows no named contexts, here
// documents or COPY --link; their BuildKit can do all of that when it is told
// how in its own terms.
type frontend struct {
	// shared is the context that several jobs use; nil for the job's own.
	shared *llb.State

	mu      sync.Mutex
	sources []*pb.Source // of every definition sent, to find failing lines
	err     error        // what the frontend itself failed with
}

// build is the frontend's work for one solve.
func (f *frontend) build(ctx context.Context, engine gateway.Client) (*gateway.Result, error) {
	result, err := f.convert(ctx, engine)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	return result, err
}

// convert reads the Dockerfile and has its steps carried out.
func (f *frontend) convert(ctx context.Context, engine gateway.Client) (*gateway.Result, error) {
	if f.shared != nil {
		engine = withContext{Client: engine, context: *f.shared}
	}
	ui, source, err := entry(ctx, engine)
	if err != nil {
		return nil, err
	}
	if ref, line, _, ok := parser.DetectSyntax(source.Data); ok {
		return forward(ctx, engine, ref, line)
	}
	opt := convertOptions(engine, ui, source)
	opt.Warn = func(rule, description, url, text string, ranges []parser.Range) {
		line := 0
		if len(ranges) > 0 {
			line = ranges[0].Start.Line
		}
		source.Warn(ctx, linter.LintFormatShort(rule, text, line), gateway.WarnOpts{
			Level: 1, Detail: [][]byte{[]byte(description)}, URL: url, Range: lines(ranges),
		})
	}
	result, err := ui.Build(ctx, func(ctx context.Context, platform *ocispecs.Platform, index int) (gateway.Reference, *dockerspec.DockerOCIImage, *dockerspec.DockerOCIImage, error) {
		opt := opt
		opt.TargetPlatform = platform
		if index > 0 {
			opt.Warn = nil // once is enough
		}
		return f.image(ctx, engine, ui, source.Data, opt)
	})
	if err != nil {
		return nil, located(err, source.SourceMap)
	}
	return result.Finalize()
}

// image carries out the steps for one platform.
func (f *frontend) image(ctx context.Context, engine gateway.Client, ui *dockerui.Client, dockerfile []byte, opt dockerfile2llb.ConvertOpt) (gateway.Reference, *dockerspec.DockerOCIImage, *dockerspec.DockerOCIImage, error) { //nolint:revive // the results are dockerui's
	state, image, base, _, err := dockerfile2llb.Dockerfile2LLB(ctx, dockerfile, opt)
	if err != nil {
		return nil, nil, nil, err
	}
	definition, err := state.Marshal(ctx)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("encode the build's steps: %w", err)
	}
	f.mu.Lock()
	f.sources = append(f.sources, definition.ToPB().Source)
	f.mu.Unlock()
	result, err := engine.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), CacheImports: ui.CacheImports})
	if err != nil {
		return nil, nil, nil, err
	}
	reference, err := result.SingleRef()
	return reference, image, base, err
}

// locate adds the Dockerfile lines of a failed step to err.
func (f *frontend) locate(step digest.Digest, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && len(errdefs.Sources(f.err)) > 0 {
		return f.err
	}
	for _, source := range f.sources {
		places := source.GetLocations()[string(step)]
		for _, place := range places.GetLocations() {
			if int(place.SourceIndex) < len(source.Infos) {
				err = errdefs.WithSource(err, &errdefs.Source{Info: source.Infos[place.SourceIndex], Ranges: place.Ranges})
			}
		}
		if len(places.GetLocations()) > 0 {
			return err
		}
	}
	return err
}

// entry reads the frontend's options and the Dockerfile.
func entry(ctx context.Context, engine gateway.Client) (*dockerui.Client, *dockerui.Source, error) {
	ui, err := dockerui.NewClient(engine)
	if err != nil {
		return nil, nil, err
	}
	source, err := ui.ReadEntrypoint(ctx, "Dockerfile")
	return ui, source, err
}

// convertOptions are what turns a Dockerfile into steps.
func convertOptions(engine gateway.Client, ui *dockerui.Client, source *dockerui.Source) dockerfile2llb.ConvertOpt {
	return dockerfile2llb.ConvertOpt{
		Config: ui.Config, Client: ui, SourceMap: source.SourceMap, MetaResolver: engine,
	}
}

// forward leaves the build to the frontend image that a `# syntax=` line names.
func forward(ctx context.Context, engine gateway.Client, ref, line string) (*gateway.Result, error) {
	options := maps.Clone(engine.BuildOpts().Opts)
	options["cmdline"] = line
	options["source"] = ref
	inputs, err := engine.Inputs(ctx)
	if err != nil {
		return nil, err
	}
	definitions := map[string]*pb.Definition{}
	for name, state := range inputs {
		definition, err := state.Marshal(ctx)
		if err != nil {
			return nil, fmt.Errorf("encode the context %s: %w", name, err)
		}
		definitions[name] = definition.ToPB()
	}
	return engine.Solve(ctx, gateway.SolveRequest{Frontend: "gateway.v0", FrontendOpt: options, FrontendInputs: definitions})
}

// withContext is an engine's gateway that has the build's context as an input.
type withContext struct {
	gateway.Client
	context llb.State
}

// Inputs returns the context.
func (w withContext) Inputs(context.Context) (map[string]llb.State, error) {
	return map[string]llb.State{contextName: w.context}, nil
}

// located adds the lines that a parser's error speaks of.
func located(err error, source *llb.SourceMap) error {
	for _, ranges := range locations(err) {
		err = errdefs.WithSource(err, &errdefs.Source{
			Info:   &pb.SourceInfo{Filename: source.Filename, Language: source.Language, Data: source.Data},
			Ranges: lines(ranges),
		})
	}
	return err
}

// lines are a parser's ranges in BuildKit's words.
func lines(ranges []parser.Range) []*pb.Range {
	result := make([]*pb.Range, len(ranges))
	for i, r := range ranges {
		result[i] = &pb.Range{
			Start: &pb.Position{Line: int32(r.Start.Line), Character: int32(r.Start.Character)},
			End:   &pb.Position{Line: int32(r.End.Line), Character: int32(r.End.Character)},
		}
	}
	return result
}
