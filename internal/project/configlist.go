package project

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/confighash"
)

// lines sorts names and ends each with a line break.
func lines(names []string) []byte {
	slices.Sort(names)
	var buf bytes.Buffer
	for _, n := range names {
		buf.WriteString(n + "\n")
	}
	return buf.Bytes()
}

// keys returns the keys of a map in no order.
func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

func listServices(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	if s.opts.NoInterpolate {
		model, err := s.model(ctx)
		if err != nil {
			return nil, err
		}
		services, _ := model["services"].(map[string]any)
		return lines(keys(services)), nil
	}
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	return lines(p.ServiceNames()), nil
}

func listVolumes(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	return lines(p.VolumeNames()), nil
}

func listNetworks(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	return lines(p.NetworkNames()), nil
}

// listModels prints the model identifiers, not the names they have in the file.
func listModels(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range p.Models {
		if m.Model != "" {
			ids = append(ids, m.Model)
		}
	}
	return lines(ids), nil
}

// listProfiles prints the profiles that services name, active or not.
func listProfiles(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, service := range p.AllServices() {
		for _, name := range service.Profiles {
			set[name] = true
		}
	}
	return lines(keys(set)), nil
}

// listImages prints an image per service, and those of its pre_start hooks that differ
// from it; a service that is built and names none has the image PROJECT-SERVICE.
func listImages(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	sep := "-"
	if s.opts.Compatibility || isTrue(s.set.env["COMPOSE_COMPATIBILITY"]) {
		sep = "_"
	}
	var images []string
	for name, service := range p.Services {
		image := service.Image
		if image == "" {
			image = p.Name + sep + name
		}
		images = append(images, image)
		for _, hook := range service.PreStart {
			if hook.Image != "" && hook.Image != image && hook.Image != service.Image {
				images = append(images, hook.Image)
			}
		}
	}
	return lines(images), nil
}

// listHashes prints the config hash of services as `up` would label them. Names may be
// patterns, each service comes once. Only the env files of these services are read, so
// that a broken one of another service does no harm.
func listHashes(ctx context.Context, s *session, f ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	if f.Hash != "*" {
		names := strings.Split(f.Hash, ",")
		if err := known(p.Services, names); err != nil {
			return nil, err
		}
		if p, err = p.WithSelectedServices(names, types.IgnoreDependencies); err != nil {
			return nil, s.explain(err)
		}
	}
	if err := s.platformed(p); err != nil {
		return nil, err
	}
	s.skipEnv = s.opts.NoEnvResolution
	if p, err = s.resolved(p); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	for _, name := range p.ServiceNames() {
		hash, err := confighash.Service(p.Services[name])
		if err != nil {
			return nil, &Error{Key: "services." + name, Msg: oneLine(err.Error()), err: err}
		}
		fmt.Fprintf(&buf, "%s %s\n", name, hash)
	}
	return buf.Bytes(), nil
}

// listVariables prints the variables that the files use, with their defaults.
func listVariables(ctx context.Context, s *session, f ConfigFlags) ([]byte, error) {
	s.unchecked = true // as docker compose: variables can stand where a checked value must
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	vars := extractVariables(model)
	switch strings.ToLower(f.Format) {
	case "", "table", "pretty":
		return variableTable(vars), nil
	case "yaml":
		text, err := encoded(vars)
		if err != nil {
			return nil, err
		}
		return styled(text, variablesIndent, unbroken)
	case "json", "{{json.}}":
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "    ")
		if err := enc.Encode(vars); err != nil {
			return nil, fmt.Errorf("write the variables: %w", err)
		}
		return append(buf.Bytes(), '\n'), nil // docker compose ends it with an empty line
	}
	return nil, &Error{Key: "--format", Msg: fmt.Sprintf("unsupported format %q", f.Format),
		Hint: "use table, yaml or json"}
}

// extractVariables walks the model in the order of its keys, so that of several
// defaults of one variable always the same is shown.
func extractVariables(value any) map[string]template.Variable {
	vars := map[string]template.Variable{}
	collectVariables(value, vars)
	return vars
}

func collectVariables(value any, vars map[string]template.Variable) {
	switch v := value.(type) {
	case string:
		for name, found := range template.ExtractVariables(map[string]any{"": v}, template.DefaultPattern) {
			old, ok := vars[name]
			if ok {
				found.Required = found.Required || old.Required
				if old.DefaultValue != "" {
					found.DefaultValue = old.DefaultValue
				}
				if old.PresenceValue != "" {
					found.PresenceValue = old.PresenceValue
				}
			}
			vars[name] = found
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			collectVariables(v[key], vars)
		}
	case []any:
		for _, e := range v {
			collectVariables(e, vars)
		}
	}
}

func variableTable(vars map[string]template.Variable) []byte {
	var buf bytes.Buffer
	w := tabwriter.NewWriter(&buf, 20, 1, 3, ' ', 0)
	_, _ = io.WriteString(w, "NAME\tREQUIRED\tDEFAULT VALUE\tALTERNATE VALUE\n")
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := vars[name]
		_, _ = fmt.Fprintf(w, "%s\t%t\t%s\t%s\n", name, v.Required, v.DefaultValue, v.PresenceValue)
	}
	_ = w.Flush() // a bytes.Buffer takes everything
	return buf.Bytes()
}
