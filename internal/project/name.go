package project

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
)

// name decides the project's name: -p, COMPOSE_PROJECT_NAME, `name:` of the last
// file that has one, the base name of the project directory. explicit is false
// where compose-go has to look itself or may still change it.
func (s *session) name() (name string, explicit bool) {
	if s.opts.ProjectName != "" {
		return s.opts.ProjectName, true
	}
	if name := s.set.env[consts.ComposeProjectName]; name != "" {
		return name, true
	}
	written, found := s.sources.name(len(s.details.ConfigFiles))
	if !found {
		// With a name that is already decided compose-go need not parse the files for it.
		name := loader.NormalizeProjectName(s.dirName())
		return name, name != ""
	}
	if !s.opts.NoInterpolate {
		expanded, err := template.Substitute(written, s.set.lookup)
		if err != nil {
			return "", false // compose-go meets the same error and reports it
		}
		written = expanded
	}
	if s.opts.NoNormalize || written == "" {
		return "", false
	}
	name = loader.NormalizeProjectName(written)
	return name, name != ""
}

// dirName is the base name of the project directory, with a warning when it is the
// name of a symbolic link.
func (s *session) dirName() string {
	base := filepath.Base(s.set.dir)
	if target, err := filepath.EvalSymlinks(s.set.dir); err == nil && filepath.Base(target) != base {
		s.warnings.add(fmt.Sprintf("project has been loaded without an explicit name from a symlink. Using name %q", base))
	}
	return base
}

// Name returns the project's name without checking its files, for verbs that work
// from labels alone. -p and COMPOSE_PROJECT_NAME need no file; otherwise there must be
// one, or the error wraps ErrNoConfig.
func Name(ctx context.Context, opts Options) (string, error) {
	var w warnings
	var set *settings
	err := w.capture(func() (err error) {
		set, err = resolve(opts, w.add)
		return err
	})
	if err != nil {
		return "", err
	}
	name := opts.ProjectName
	from := "-p"
	if name == "" {
		name, from = set.env[consts.ComposeProjectName], consts.ComposeProjectName
	}
	if name != "" {
		if loader.NormalizeProjectName(name) != name {
			return "", badName(name, from)
		}
		return name, nil
	}
	s, err := newSession(ctx, opts)
	if err != nil {
		return "", err
	}
	if name, explicit := s.name(); explicit {
		return name, nil
	}
	return "", &Error{File: display(opts.WorkDir, s.details.ConfigFiles[0].Filename), Key: "name",
		Msg: "the project name is empty", Hint: "set name: or use -p"}
}

func badName(name, from string) error {
	return &Error{Key: from, Msg: fmt.Sprintf("invalid project name %q: must consist only of lowercase "+
		"alphanumeric characters, hyphens, and underscores as well as start with a letter or number", name),
		Hint: suggestName(name)}
}

func suggestName(name string) string {
	if good := loader.NormalizeProjectName(name); good != "" {
		return "use " + good
	}
	return "choose another"
}

// isTrue reads a boolean variable; anything unclear is false.
func isTrue(v string) bool {
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(v)))
	return err == nil && b
}
