// Package project turns command-line choices, Compose files and .env files into one
// validated compose-go project. It is the only loader of Compose files.
//
// It prints nothing and reads the process's environment, working directory and
// standard input only through what Options hands in. Whatever a user can get wrong
// comes back as one *Error line: file, line, key, and what to do about it. Text is
// measured (size, nesting, alias expansion) before compose-go sees it, so that bad
// input costs bounded time and memory.
package project

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// Remote are the loaders of files from elsewhere.
type Remote = []loader.ResourceLoader

// Options say what to load and where from. The zero value loads the default
// files of WorkDir.
type Options struct {
	// Files are the -f arguments in order; "-" is Stdin. Relative names start at WorkDir.
	Files []string
	// EnvFiles are the --env-file arguments in order; they replace the default .env.
	EnvFiles []string
	// Profiles are the --profile arguments; without any, COMPOSE_PROFILES decides.
	Profiles []string
	// ProjectName is the -p argument.
	ProjectName string
	// Dir is the --project-directory argument.
	Dir string
	// WorkDir is the absolute working directory of the process.
	WorkDir string
	// Environ is the shell's environment as KEY=VALUE.
	Environ []string
	// Stdin is read at most once, for the file "-".
	Stdin io.Reader
	// Services selects services; their profiles are activated and, unless NoDeps, their
	// dependencies come along. Empty means all of the active profiles.
	Services []string
	// NoDeps leaves the dependencies of Services out.
	NoDeps bool
	// AllResources keeps networks, volumes, configs and secrets that no service uses.
	AllResources bool
	// Compatibility is the --compatibility flag: it implies NoNormalize for `config`.
	Compatibility bool
	// Remote loads files from elsewhere (git, oci) for -f, include and extends.
	Remote Remote

	// NoInterpolate leaves ${VARIABLES} as they are written.
	NoInterpolate bool
	// NoNormalize leaves defaults and implied resources out.
	NoNormalize bool
	// NoConsistency skips the checks between parts of the model.
	NoConsistency bool
	// NoPathResolution leaves relative paths relative.
	NoPathResolution bool
	// NoEnvResolution leaves env_file unread.
	NoEnvResolution bool
}

// Loaded is a project with what the rest of the program wants to know of its origin.
type Loaded struct {
	// Project is the validated model; every service in it is selected.
	Project *types.Project
	// Warnings are plain texts in order of appearance, each once.
	Warnings []string
	// ConfigFiles are absolute names of the Compose files, "-" for standard input.
	ConfigFiles []string
	// EnvFiles are absolute names of the env files that were read.
	EnvFiles []string
	// Environment is the shell's environment over the env files, as interpolation saw it.
	Environment map[string]string

	sources *sources
}

// Load reads, checks and merges the project that opts describe.
//
// Its errors are *Error where the user can mend them. When no file is named or
// found the error wraps ErrNoConfig.
func Load(ctx context.Context, opts Options) (*Loaded, error) {
	s, err := newSession(ctx, opts)
	if err != nil {
		return nil, err
	}
	project, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.platformed(project); err != nil {
		return nil, err
	}
	return &Loaded{
		Project:     project,
		Warnings:    s.warnings.texts,
		ConfigFiles: s.configFiles(),
		EnvFiles:    s.set.envFiles,
		Environment: s.set.env,
		sources:     s.sources,
	}, nil
}

// platformed gives built services without a platform that of
// DOCKER_DEFAULT_PLATFORM, which must be one that they are built for.
func (s *session) platformed(p *types.Project) error {
	platform := p.Environment["DOCKER_DEFAULT_PLATFORM"]
	if platform == "" {
		return nil
	}
	for _, name := range p.ServiceNames() {
		service := p.Services[name]
		if service.Build == nil {
			continue
		}
		if all := service.Build.Platforms; len(all) > 0 && !slices.Contains(all, platform) {
			return s.sources.located(wrong("add it there or unset the variable", fmt.Sprintf(
				"service %q build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: %s", name, platform),
				"services", name, "build", "platforms"))
		}
		if service.Platform == "" {
			service.Platform = platform
			p.Services[name] = service
		}
	}
	return nil
}

// Where returns where a key of the merged model is written: the file as shown to
// users and its line, from 1. Path elements are map keys or list indexes. It answers
// with the nearest ancestor that is written somewhere; ok tells that there is one.
func (l *Loaded) Where(path ...string) (file string, line int, ok bool) {
	pos, depth := l.sources.locate(path)
	return pos.file, pos.line, depth > 0
}

// CheckNames refuses two services with one container_name, which no engine could
// start. It is no part of Load: stopping and removing such a project must go on.
func (l *Loaded) CheckNames() error {
	if found := namesUnique(l.Project); found.msg != "" {
		return l.sources.located(found)
	}
	return nil
}
