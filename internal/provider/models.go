package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/pkg/event"
)

// modelPlugin is the Docker CLI plugin that pulls and serves models.
const modelPlugin = "docker-model"

// ModelEnv gives the variables "NAME=value" by which services reach the models
// they name, by service. It asks the model runner only for its endpoint and
// changes nothing. Without models it runs no program and returns nil.
func (r *Runner) ModelEnv(ctx context.Context, p *types.Project) (map[string][]string, error) {
	used := usedModels(p)
	if len(used) == 0 {
		return nil, nil
	}
	if err := undefinedModel(p, used); err != nil {
		return nil, err
	}
	path, err := r.modelRunner(used)
	if err != nil {
		return nil, err
	}
	endpoint, err := r.modelEndpoint(ctx, path)
	if err != nil {
		return nil, err
	}
	return modelVariables(p, endpoint), nil
}

// PrepareModels pulls the models that services name and the runner does not
// have, and configures those with a context_size or runtime_flags.
func (r *Runner) PrepareModels(ctx context.Context, p *types.Project) error {
	used := usedModels(p)
	if len(used) == 0 {
		return nil
	}
	if err := undefinedModel(p, used); err != nil {
		return err
	}
	path, err := r.modelRunner(used)
	if err != nil {
		return err
	}
	have := r.localModels(ctx, path)
	done := map[string]bool{}
	for _, key := range used {
		model := p.Models[key]
		if !have[modelReference(model.Model)] && !done[model.Model] {
			if err := r.pullModel(ctx, path, p.Name, model.Model); err != nil {
				return fmt.Errorf("models.%s: %w", key, err)
			}
		}
		done[model.Model] = true
		if err := r.configureModel(ctx, path, p.Name, model); err != nil {
			return fmt.Errorf("models.%s: %w", key, err)
		}
	}
	return nil
}

// usedModels are the keys of the models that services name, sorted.
func usedModels(p *types.Project) []string {
	seen := map[string]bool{}
	for _, svc := range p.Services {
		for key := range svc.Models {
			seen[key] = true
		}
	}
	return sortedKeys(seen)
}

func undefinedModel(p *types.Project, used []string) error {
	for _, key := range used {
		if _, ok := p.Models[key]; !ok {
			return fmt.Errorf("undefined model %q: add it under models", key)
		}
	}
	return nil
}

// modelVariables are the variables of each service, sorted: for a model "llm"
// LLM_URL and LLM_MODEL, or what endpoint_var and model_var say.
func modelVariables(p *types.Project, endpoint string) map[string][]string {
	out := map[string][]string{}
	for name, svc := range p.Services {
		for key, config := range svc.Models {
			prefix := variablePrefix(key)
			at, model := prefix+"URL", prefix+"MODEL"
			if config != nil && config.EndpointVariable != "" {
				at = config.EndpointVariable
			}
			if config != nil && config.ModelVariable != "" {
				model = config.ModelVariable
			}
			out[name] = append(out[name], at+"="+endpoint, model+"="+p.Models[key].Model)
		}
		slices.Sort(out[name])
	}
	return out
}

// modelRunner gives the path of the plugin.
func (r *Runner) modelRunner(used []string) (string, error) {
	if path := r.plugin(modelPlugin); path != "" {
		return path, nil
	}
	if path := r.onPath(modelPlugin); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("models.%s needs Docker Model Runner, but the Docker CLI plugin %s was not found: install it, or remove models",
		used[0], modelPlugin)
}

// modelEndpoint asks for the address at which containers reach the runner.
func (r *Runner) modelEndpoint(ctx context.Context, path string) (string, error) {
	text, err := r.ask(ctx, path, "status", "--json")
	var status struct {
		Running  bool   `json:"running"`
		Endpoint string `json:"endpoint"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &status)
	}
	if err != nil {
		return "", fmt.Errorf("ask Docker Model Runner for its status: %w", err)
	}
	if !status.Running {
		return "", errors.New("Docker Model Runner is not running: start it with docker model install-runner") //nolint:staticcheck // a name
	}
	// Some versions answer with an address that has neither host nor port.
	if u, err := url.Parse(status.Endpoint); err != nil || u.Hostname() == "" || u.Port() == "0" {
		return "", fmt.Errorf("Docker Model Runner gives no usable address (%q): update the plugin %s", status.Endpoint, modelPlugin) //nolint:staticcheck // a name
	}
	return status.Endpoint, nil
}

// localModels are the models the runner has. When it cannot tell, none: pulling
// one that is there does no harm.
func (r *Runner) localModels(ctx context.Context, path string) map[string]bool {
	have := map[string]bool{}
	text, err := r.ask(ctx, path, "list", "--json")
	var list []struct {
		Tags []string `json:"tags"`
	}
	if err != nil || json.Unmarshal([]byte(text), &list) != nil {
		return have
	}
	for _, m := range list {
		for _, tag := range m.Tags {
			have[modelReference(tag)] = true
		}
	}
	return have
}

// modelReference writes a reference in full, so that references can be compared.
func modelReference(ref string) string {
	for _, prefix := range []string{"docker.io/", "index.docker.io/"} {
		ref = strings.TrimPrefix(ref, prefix)
	}
	if !strings.Contains(ref[strings.LastIndex(ref, "/")+1:], ":") && !strings.Contains(ref, "@") {
		ref += ":latest"
	}
	return strings.ToLower(ref)
}

func (r *Runner) pullModel(ctx context.Context, path, project, model string) error {
	tell := func(status event.Status, phase event.Phase) {
		r.emit(event.Event{Kind: event.KindStatus, Project: project, Resource: modelResource, Name: model, Status: status, Phase: phase})
	}
	tell(event.Pulling, event.Working)
	if err := r.run(ctx, r.modelProcess(path, project, model, "pull", model)); err != nil {
		tell(event.Error, event.Failed)
		return fmt.Errorf("pull model %s: %w", model, err)
	}
	tell(event.Pulled, event.Done)
	return nil
}

// modelResource is how models are called in events.
const modelResource = "Model"

func (r *Runner) configureModel(ctx context.Context, path, project string, m types.ModelConfig) error {
	if m.ContextSize == 0 && len(m.RuntimeFlags) == 0 {
		return nil
	}
	args := []string{"configure"}
	if m.ContextSize != 0 {
		args = append(args, "--context-size="+strconv.Itoa(m.ContextSize))
	}
	args = append(args, m.Model)
	if len(m.RuntimeFlags) > 0 {
		args = append(append(args, "--"), m.RuntimeFlags...)
	}
	if err := r.run(ctx, r.modelProcess(path, project, m.Model, args...)); err != nil {
		return fmt.Errorf("configure model %s: %w", m.Model, err)
	}
	return nil
}

// modelProcess is a call whose output is progress.
func (r *Runner) modelProcess(path, project, model string, args ...string) process {
	tell := func(line string) { r.output(project, modelResource, model, line) }
	return process{path: path, args: args, said: tell, line: func(line string) error { tell(line); return nil }}
}

// ask runs the plugin for its answer.
func (r *Runner) ask(ctx context.Context, path string, args ...string) (string, error) {
	var text strings.Builder
	err := r.run(ctx, process{path: path, args: args, line: func(line string) error {
		text.WriteString(line + "\n")
		if text.Len() > maxLine {
			return fmt.Errorf("the answer is longer than %d bytes", maxLine)
		}
		return nil
	}})
	return text.String(), err
}
