package project

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// ConfigFlags are the flags of `config`. Where several choose what to print, the
// first in the order of the fields from Services on wins, as in docker compose.
type ConfigFlags struct {
	// Format is yaml, json, or "" for the default: YAML, and a table for Variables.
	Format string
	// Services, Volumes, Networks and Models print names, sorted.
	Services, Volumes, Networks, Models bool
	// Hash prints `service hash` of the services in a comma list, or of all for "*".
	Hash string
	// Profiles, Images and Variables print what the model uses.
	Profiles, Images, Variables bool
	// Environment prints the environment of interpolation as an env file.
	Environment bool
	// ResolveImageDigests pins images by Resolve; LockImageDigests prints only those.
	ResolveImageDigests, LockImageDigests bool
	// Quiet checks and prints nothing.
	Quiet bool
	// Resolve asks a registry for the digest of an image reference; required by
	// ResolveImageDigests and LockImageDigests.
	Resolve func(ctx context.Context, image string) (digest string, err error)
}

// Output is what `config` prints, and what it warns of.
type Output struct {
	Text     []byte
	Warnings []string
}

// Config does what the `config` verb prints, byte for byte as docker compose does;
// lists come sorted. The text belongs on standard output or in the file of -o. On
// failure Output holds the warnings so far.
func Config(ctx context.Context, opts Options, flags ConfigFlags) (Output, error) {
	if opts.Compatibility {
		opts.NoNormalize = true
	}
	if flags.Variables {
		opts.NoInterpolate = true
	}
	if flags.LockImageDigests {
		flags.ResolveImageDigests = true
	}
	render := flags.section()
	if render.allServices {
		opts.Services = nil
	}
	s, err := newSession(ctx, opts)
	if err != nil {
		return Output{}, err
	}
	s.eager, s.skipEnv = true, opts.NoEnvResolution || !render.readsEnvFiles
	text, err := render.do(ctx, s, flags)
	if flags.Quiet {
		text = nil
	}
	return Output{Text: text, Warnings: s.warnings.texts}, err
}

// section is one way to print a configuration.
type section struct {
	do func(context.Context, *session, ConfigFlags) ([]byte, error)
	// allServices ignores service arguments; readsEnvFiles reads env_file.
	allServices, readsEnvFiles bool
}

// section picks what the flags ask for.
func (f ConfigFlags) section() section {
	switch {
	case f.Services:
		return section{do: listServices, allServices: true}
	case f.Volumes:
		return section{do: listVolumes, allServices: true}
	case f.Networks:
		return section{do: listNetworks, allServices: true}
	case f.Models:
		return section{do: listModels, allServices: true}
	case f.Hash != "":
		return section{do: listHashes, allServices: true}
	case f.Profiles:
		return section{do: listProfiles, readsEnvFiles: true}
	case f.Images:
		return section{do: listImages, readsEnvFiles: true}
	case f.Variables:
		return section{do: listVariables}
	case f.Environment:
		return section{do: listEnvironment, readsEnvFiles: true}
	}
	return section{do: wholeConfig, readsEnvFiles: true}
}

// wholeConfig prints the merged model.
func wholeConfig(ctx context.Context, s *session, f ConfigFlags) ([]byte, error) {
	if f.Format == "" {
		f.Format = "yaml"
	}
	if f.Format != "yaml" && f.Format != "json" {
		return nil, unsupportedFormat(f.Format)
	}
	if s.opts.NoInterpolate {
		return rawConfig(ctx, s, f)
	}
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	if f.ResolveImageDigests {
		if p, err = f.pinned(ctx, p); err != nil {
			return nil, err
		}
	}
	if !s.opts.NoConsistency {
		if found := namesUnique(p); found.msg != "" {
			return nil, s.sources.located(found)
		}
	}
	if f.LockImageDigests {
		p = imagesOnly(p)
	}
	if f.Quiet {
		return nil, nil
	}
	text, err := marshal(p, f.Format)
	return bytes.ReplaceAll(text, []byte("$"), []byte("$$")), err
}

func marshal(p *types.Project, format string) ([]byte, error) {
	if format == "json" {
		return p.MarshalJSON()
	}
	text, err := p.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return styled(text, yamlIndent, lineWidth)
}

func unsupportedFormat(format string) error {
	return &Error{Key: "--format", Msg: fmt.Sprintf("unsupported format %q", format), Hint: "use yaml or json"}
}

// rawConfig prints the model with variables as they are written.
func rawConfig(ctx context.Context, s *session, f ConfigFlags) ([]byte, error) {
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	if f.ResolveImageDigests {
		if err := f.pinModel(ctx, model); err != nil {
			return nil, err
		}
	}
	if f.LockImageDigests {
		keepOnly(model, "services")
		for _, service := range mapsOf(model["services"]) {
			keepOnly(service, "image")
		}
	}
	if f.Format == "json" {
		return json.MarshalIndent(model, "", "  ")
	}
	text, err := encoded(model)
	if err != nil {
		return nil, err
	}
	return styled(text, yamlIndent, lineWidth)
}

// keepOnly takes every other key out of a mapping.
func keepOnly(m map[string]any, key string) {
	maps.DeleteFunc(m, func(k string, _ any) bool { return k != key })
}

// mapsOf returns the mappings in a mapping by name.
func mapsOf(v any) map[string]map[string]any {
	out := map[string]map[string]any{}
	all, _ := v.(map[string]any)
	for name, e := range all {
		if m, ok := e.(map[string]any); ok {
			out[name] = m
		}
	}
	return out
}

// imagesOnly keeps nothing of a project but the images of its services.
func imagesOnly(p *types.Project) *types.Project {
	services := types.Services{}
	for name, s := range p.Services {
		only := types.ServiceConfig{}
		only.Image = s.Image
		services[name] = only
	}
	return &types.Project{Services: services}
}

// pinned adds to each image the digest it has now.
func (f ConfigFlags) pinned(ctx context.Context, p *types.Project) (*types.Project, error) {
	if f.Resolve == nil {
		return nil, &Error{Key: "--resolve-image-digests", Msg: "there is no registry to ask"}
	}
	p, err := p.WithImagesResolved(func(named reference.Named) (digest.Digest, error) {
		text, err := f.Resolve(ctx, named.String())
		if err != nil {
			return "", fmt.Errorf("image %s: %w", named, err)
		}
		return digest.Parse(text)
	})
	if err != nil {
		return nil, &Error{Msg: "cannot resolve image digests: " + oneLine(err.Error()), err: err}
	}
	return p, nil
}

// pinModel does the same for a model that is not bound to structs.
func (f ConfigFlags) pinModel(ctx context.Context, model map[string]any) error {
	p := &types.Project{Services: types.Services{}}
	services := mapsOf(model["services"])
	for name, service := range services {
		if image, ok := service["image"].(string); ok {
			s := types.ServiceConfig{Name: name}
			s.Image = image
			p.Services[name] = s
		}
	}
	p, err := f.pinned(ctx, p)
	if err != nil {
		return err
	}
	for name, service := range services {
		if image := p.Services[name].Image; image != "" {
			service["image"] = image
		}
	}
	return nil
}
