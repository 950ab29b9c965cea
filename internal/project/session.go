package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// maxComposeFile bounds a Compose file in bytes.
const maxComposeFile = 4 << 20

// session is one load: settings, the text of all files, and what was warned of.
type session struct {
	opts     Options
	set      *settings
	sources  *sources
	warnings *warnings
	details  types.ConfigDetails
	casts    *casts
	// unchecked skips the schema.
	unchecked bool
	// eager reads env_file and label_file of all active services, also of those that are
	// not selected, as docker compose's `config` does.
	eager bool
	// skipEnv leaves env_file unread.
	skipEnv bool
}

// newSession resolves settings, reads the files and measures them.
func newSession(ctx context.Context, opts Options) (*session, error) {
	s := &session{opts: opts, warnings: &warnings{}, skipEnv: opts.NoEnvResolution}
	err := s.warnings.capture(func() (err error) {
		s.set, err = resolve(opts, s.warnings.add)
		return err
	})
	if err != nil {
		return nil, err
	}
	set := s.set
	if opts.ProjectName != "" && loader.NormalizeProjectName(opts.ProjectName) != opts.ProjectName {
		return nil, badName(opts.ProjectName, "-p")
	}
	if len(set.files) == 0 {
		return nil, ErrNoConfig
	}
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// read fills in details and sources from the files of the settings.
func (s *session) read(ctx context.Context) error {
	s.details = types.ConfigDetails{WorkingDir: s.set.dir, Environment: s.set.env}
	s.sources = &sources{workDir: s.opts.WorkDir, remote: s.opts.isRemote}
	for _, name := range s.set.files {
		file, err := s.local(ctx, name)
		if err != nil {
			return err
		}
		data, err := s.content(file)
		if err != nil {
			return err
		}
		s.details.ConfigFiles = append(s.details.ConfigFiles, types.ConfigFile{Filename: file, Content: data})
		if err := s.sources.add(file, data); err != nil {
			return err
		}
	}
	return s.sources.follow(s.details.WorkingDir, s.set.env, s.opts.NoInterpolate)
}

// local fetches a remote file; its directory becomes the project directory unless
// that was given.
func (s *session) local(ctx context.Context, name string) (string, error) {
	for _, r := range s.opts.Remote {
		if name == "-" || !r.Accept(name) {
			continue
		}
		path, err := r.Load(ctx, name)
		if err != nil {
			return "", &Error{File: name, Msg: oneLine(err.Error()), err: err}
		}
		if !s.set.dirExplicit && s.details.WorkingDir == s.set.dir {
			s.details.WorkingDir = filepath.Dir(path)
		}
		return absFrom(s.opts.WorkDir, path), nil
	}
	return name, nil
}

// content reads one Compose file or standard input.
func (s *session) content(file string) (data []byte, err error) {
	if file == "-" {
		if s.opts.Stdin == nil {
			return nil, &Error{File: "<stdin>", Msg: "there is no standard input to read"}
		}
		data, err = readAll(s.opts.Stdin, maxComposeFile)
	} else {
		data, err = readBounded(file, maxComposeFile)
	}
	if err == nil {
		return data, nil
	}
	e := &Error{File: display(s.opts.WorkDir, file), Msg: "cannot read the compose file: " + reason(err), err: err}
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.Msg, e.Hint = "no such compose file", "check the name or change to its folder"
	case errors.Is(err, errTooLarge):
		e.Hint = "split it with include"
	}
	if s.set.origin != "" {
		e.Msg += ", " + s.set.origin
	}
	return nil, e
}

func (s *session) configFiles() []string {
	names := make([]string, 0, len(s.details.ConfigFiles))
	for _, f := range s.details.ConfigFiles {
		names = append(names, f.Filename)
	}
	return names
}

// loaderOptions are the options of compose-go for this session.
func (s *session) loaderOptions(lo *loader.Options) {
	o := s.opts
	lo.SkipValidation = s.unchecked
	for _, r := range o.Remote {
		lo.ResourceLoaders = append(lo.ResourceLoaders, measured{r, s})
	}
	lo.SkipInterpolation = o.NoInterpolate
	lo.SkipNormalization = o.NoNormalize
	lo.SkipConsistencyCheck = true // consistent does it
	lo.ResolvePaths = !o.NoPathResolution
	lo.SkipResolveEnvironment, lo.SkipResolveLabels = true, true // done after selection
	lo.Profiles = s.set.profiles(o)
	lo.ConvertWindowsPaths = lo.ResolvePaths && isTrue(s.set.env["COMPOSE_CONVERT_WINDOWS_PATHS"])
	limitInterpolation(lo.Interpolate)
	s.casts = newCasts(lo.Interpolate)
	s.casts.add(s.sources.files)
	name, explicit := s.name()
	lo.SetProjectName(name, explicit)
	s.sources.forget() // compose-go is about to parse the files itself
}

// guarded runs a step of compose-go: warnings are captured, errors located, and a
// panic on input it did not foresee becomes an error.
func (s *session) guarded(step func() error) error {
	err := s.warnings.capture(func() (err error) {
		defer s.frugal()()
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("unexpected type of value: %v", r)
			}
		}()
		return step()
	})
	if err != nil {
		return s.explain(err)
	}
	return nil
}

// frugal has garbage collected at the usual pace while a large project is loaded: the
// program collects late, which is faster for all others, but here it would keep hundreds
// of megabytes of what compose-go throws away. The function it returns ends that.
func (s *session) frugal() func() {
	const large = 256 << 10
	size := 0
	for _, src := range s.sources.files {
		size += len(src.data)
	}
	if size < large {
		return func() {}
	}
	const usual = 100
	before := debug.SetGCPercent(usual)
	if before < usual {
		debug.SetGCPercent(before)
	}
	return func() { debug.SetGCPercent(before) }
}

// project loads, checks and selects.
func (s *session) project(ctx context.Context) (*types.Project, error) {
	if !s.opts.NoConsistency {
		if err := s.checkShortVolumes(); err != nil {
			return nil, err
		}
	}
	var project *types.Project
	err := s.guarded(func() (err error) {
		project, err = loader.LoadWithContext(ctx, s.details, loader.WithDiscardEnvFiles, s.loaderOptions)
		return err
	})
	if err != nil {
		return nil, err
	}
	project.ComposeFiles = s.configFiles()
	if !s.opts.NoConsistency {
		if err := s.consistent(project); err != nil {
			return nil, err
		}
		if err := s.check(project); err != nil {
			return nil, err
		}
	}
	if s.eager {
		if project, err = s.resolved(project); err != nil {
			return nil, err
		}
	}
	return s.selected(project)
}

// model loads the merged YAML tree without binding it to structs, as
// `config --no-interpolate` prints it.
func (s *session) model(ctx context.Context) (map[string]any, error) {
	var model map[string]any
	details := s.details
	details.Environment = types.Mapping{} // docker compose resolves nothing from the shell here
	err := s.guarded(func() (err error) {
		model, err = loader.LoadModelWithContext(ctx, details, loader.WithDiscardEnvFiles, s.loaderOptions)
		return err
	})
	return model, err
}
