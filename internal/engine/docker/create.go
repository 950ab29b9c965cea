package docker

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/docker/cli/cli/config/types"

	"github.com/berth-dev/berth/internal/engine"
)

// CreateContainer creates a container with one request. The warnings are the
// engine's, and one for each key it is too old for. Two things need more:
// each further network on an engine before API 1.44, and use_api_socket, which
// copies a file in. If one of those fails, the container is removed again.
func (e *Engine) CreateContainer(ctx context.Context, spec engine.ContainerSpec) (engine.CreatedContainer, error) {
	const op = "create container"
	if err := e.ready(ctx, op, spec.Name); err != nil {
		return engine.CreatedContainer{}, err
	}
	request, err := newCreateRequest(spec, e.surroundings())
	if err != nil {
		return engine.CreatedContainer{}, e.fail(ctx, op, spec.Name, err)
	}
	answer, err := e.cli.ContainerCreate(ctx, request.config, request.host, request.networking, request.platform, request.name)
	if err != nil {
		return engine.CreatedContainer{}, e.fail(ctx, op, spec.Name, err)
	}
	if err := e.complete(ctx, answer.ID, request); err != nil {
		remove := e.RemoveContainer(context.WithoutCancel(ctx), answer.ID, engine.RemoveOptions{Force: true, Volumes: true})
		return engine.CreatedContainer{}, errors.Join(err, remove)
	}
	return engine.CreatedContainer{ID: answer.ID, Warnings: append(answer.Warnings, leftOut(spec, request.api)...)}, nil
}

// leftOut are the keys that the engine is too old for, in words.
func leftOut(spec engine.ContainerSpec, api string) []string {
	var warnings []string
	for _, gap := range Unsupported(spec, api) {
		if gap.NeedsAPI != "" {
			warnings = append(warnings, gap.String()+"; it is left out")
		}
	}
	return warnings
}

// complete does what a create request cannot hold.
func (e *Engine) complete(ctx context.Context, id string, request createRequest) error {
	for _, endpoint := range request.later {
		if err := e.ConnectNetwork(ctx, endpoint.Network, id, endpoint); err != nil {
			return err
		}
	}
	if len(request.files) == 0 {
		return nil
	}
	return e.CopyFiles(ctx, id, request.files)
}

// surroundings are this engine's.
func (e *Engine) surroundings() surroundings {
	return surroundings{
		api: e.cli.ClientVersion(), proxies: e.Proxies(), readFile: e.readFile, dockerConfig: e.portableConfig,
	}
}

// Proxies are the proxy variables that config.json gives for this engine,
// upper and lower case, which containers and builds get unless they set them.
func (e *Engine) Proxies() map[string]string {
	result := map[string]string{}
	for key, value := range e.config.ParseProxyConfig(e.endpoint, nil) {
		if value != nil {
			result[key] = *value
		}
	}
	return result
}

// portableConfig is a config.json with all credentials in it, those of
// credential helpers included.
func (e *Engine) portableConfig() ([]byte, error) {
	credentials, err := e.config.GetAllCredentials()
	if err != nil {
		return nil, err
	}
	portable := struct {
		Auths map[string]types.AuthConfig `json:"auths"`
	}{Auths: map[string]types.AuthConfig{}}
	for host, credential := range credentials {
		portable.Auths[host] = encodeCredential(credential)
	}
	return json.Marshal(portable)
}
