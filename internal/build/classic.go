package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/tonistiigi/fsutil"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// withBuildKit is the API version from which on engines have BuildKit.
const withBuildKit feature = 39

// isWithoutBuildKit tells by the answer to a dial whether the engine has none.
// An upgrade that is refused comes with its HTTP status in the text only.
func isWithoutBuildKit(err error) bool {
	return err != nil && (errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrUnsupported) ||
		strings.Contains(err.Error(), "received 404"))
}

// classic builds all jobs with the builder from before BuildKit, one after the
// other, each after those it needs.
func classic(ctx context.Context, jobs []*job, o Options) error {
	if o.Classic == nil {
		return errors.New("this engine has no BuildKit and its older builder is not reachable")
	}
	for _, j := range jobs {
		if err := checkClassic(j.target); err != nil {
			return err
		}
	}
	b := builder{options: o}
	for _, j := range ordered(jobs) {
		b.tell(j, event.Building, event.Working, "")
		if err := b.classic(ctx, j); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failure := &Error{Service: j.target.Service, Err: err}
			b.tell(j, event.Error, event.Failed, failure.Error())
			return failure
		}
		b.tell(j, event.Built, event.Done, "")
	}
	return nil
}

// checkClassic refuses what only BuildKit can do.
func checkClassic(target Target) error {
	build := target.Build
	for key, used := range map[string]bool{
		"additional_contexts": len(build.AdditionalContexts) > 0,
		"secrets":             len(target.Secrets) > 0,
		"ssh":                 len(build.SSH) > 0,
		"platforms":           len(target.Platforms) > 1,
		"cache_to":            len(build.CacheTo) > 0,
		"no_cache_filter":     len(build.NoCacheFilter) > 0,
		"entitlements":        len(build.Entitlements) > 0 || build.Privileged,
	} {
		if used {
			return fmt.Errorf("services.%s.build.%s: needs BuildKit, and this build is without it", target.Service, key)
		}
	}
	return nil
}

// ordered are the jobs, each after those it needs.
func ordered(jobs []*job) []*job {
	var result []*job
	var put func(j *job)
	put = func(j *job) {
		if slices.Contains(result, j) {
			return
		}
		for _, needed := range j.needs {
			put(needed)
		}
		result = append(result, j)
	}
	for _, j := range jobs {
		put(j)
	}
	return result
}

// classic builds one job.
func (b *builder) classic(ctx context.Context, j *job) error {
	build := j.target.Build
	build.Args = types.MappingWithEquals{}
	for name, value := range arguments(j.target.Build.Args, b.options) {
		build.Args[name] = &value
	}
	build.Labels = imageLabels(j.target, b.options)
	build.Tags = j.target.Tags
	build.Platforms = j.target.Platforms
	build.NoCache = build.NoCache || b.options.NoCache
	build.Pull = build.Pull || b.options.Pull
	build.DockerfileInline = ""
	build.Dockerfile = j.files.filename
	files, err := classicContext(ctx, j, &build)
	if err != nil {
		return err
	}
	if files != nil {
		defer files.Close()
	}
	var kept bytes.Buffer // of a quiet build, for when it fails
	var out io.Writer = &kept
	if b.options.Display.Out != nil && b.options.Display.Mode != "quiet" {
		out = b.options.Display.Out
	}
	j.result.Tags = j.target.Tags
	j.result.ImageID, err = b.options.Classic.ClassicBuild(ctx, files, build, b.options.Memory, out)
	if err != nil && b.options.Display.Out != nil {
		err = join(err, second(b.options.Display.Out.Write(kept.Bytes())))
	}
	return err
}

// second is the second of two results.
func second(_ int, err error) error { return err }

// classicContext is the tar of a job's context; nil when the engine fetches it.
// build gets the Dockerfile's path inside.
func classicContext(ctx context.Context, j *job, build *types.BuildConfig) (io.ReadCloser, error) {
	if j.files.stdin != nil {
		return io.NopCloser(j.files.stdin), nil
	}
	if j.files.remote != "" {
		if j.files.dockerfile != nil {
			return nil, errors.New("a Dockerfile outside a remote context needs BuildKit")
		}
		return nil, nil
	}
	excludes, err := j.files.excludes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ignoreFile, err)
	}
	var folder fsutil.FS = memoryFS{}
	if j.files.dir != "" {
		if folder, err = contextFS(j.files.dir, excludes); err != nil {
			return nil, err
		}
	}
	// A name of its own, so that no file of the context is hidden by it and no
	// pattern keeps it out.
	build.Dockerfile = "." + localName("dockerfile", j.target.Service)
	folder = withFile{FS: folder, extra: memoryFS{build.Dockerfile: j.files.dockerfile}}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(fsutil.WriteTar(ctx, folder, writer)) }()
	return reader, nil
}

// withFile is a folder with files added to its top.
type withFile struct {
	fsutil.FS
	extra memoryFS
}

// Walk visits the folder and then the added files.
func (w withFile) Walk(ctx context.Context, target string, visit fs.WalkDirFunc) error {
	if err := w.FS.Walk(ctx, target, visit); err != nil {
		return err
	}
	return w.extra.Walk(ctx, target, visit)
}

// Open opens a file of either.
func (w withFile) Open(name string) (io.ReadCloser, error) {
	if slices.Contains(slices.Collect(maps.Keys(w.extra)), filepath.Base(name)) {
		return w.extra.Open(filepath.Base(name))
	}
	return w.FS.Open(name)
}
