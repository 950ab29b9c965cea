package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"

	"github.com/berth-dev/berth/internal/engine"
)

// ClassicBuild builds an image with the engine's builder from before BuildKit
// and returns its ID. files is a tar of the context, nil when config.Context is
// a URL that the engine fetches itself. memory limits the build containers, in
// bytes, 0 for no limit. What the builder says goes to out.
func (e *Engine) ClassicBuild(ctx context.Context, files io.Reader, config types.BuildConfig, memory int64, out io.Writer) (string, error) {
	const op = "build image"
	name := strings.Join(config.Tags, ", ")
	if err := e.ready(ctx, op, name); err != nil {
		return "", err
	}
	options, err := e.buildOptions(config, memory)
	if err != nil {
		return "", e.fail(ctx, op, name, err)
	}
	if files == nil {
		options.RemoteContext = config.Context
	} else {
		files = ownReader{files}
	}
	answer, err := e.cli.ImageBuild(ctx, files, options)
	if err != nil {
		return "", e.fail(ctx, op, name, err)
	}
	id := ""
	err = eachMessage(answer.Body, func(message progressMessage) error {
		if message.Error != "" {
			return &engine.Error{Op: op, Name: name, Text: oneLine(errors.New(message.Error))}
		}
		if message.Aux != nil {
			var result build.Result
			if err := json.Unmarshal(*message.Aux, &result); err == nil && result.ID != "" {
				id = result.ID
			}
		}
		_, err := io.WriteString(ownWriter{out}, message.Stream)
		return err
	})
	return id, e.fail(ctx, op, name, errors.Join(err, answer.Body.Close()))
}

// buildOptions is the build request of a build section.
func (e *Engine) buildOptions(config types.BuildConfig, memory int64) (build.ImageBuildOptions, error) {
	result := build.ImageBuildOptions{
		Version: build.BuilderV1, Tags: config.Tags, Dockerfile: config.Dockerfile, Target: config.Target,
		BuildArgs: map[string]*string(config.Args), Labels: config.Labels, CacheFrom: config.CacheFrom,
		NoCache: config.NoCache, PullParent: config.Pull, Remove: true, ForceRemove: true, Memory: memory,
		NetworkMode: config.Network, ShmSize: int64(config.ShmSize), ExtraHosts: newExtraHosts(config.ExtraHosts),
		Ulimits: newUlimits(config.Ulimits), Isolation: container.Isolation(config.Isolation),
	}
	if len(config.Platforms) > 0 {
		result.Platform = config.Platforms[0]
	}
	credentials, err := e.config.GetAllCredentials()
	if err != nil {
		return result, err
	}
	result.AuthConfigs = make(map[string]registry.AuthConfig, len(credentials))
	for host, credential := range credentials {
		result.AuthConfigs[host] = registry.AuthConfig(credential)
	}
	return result, nil
}

// LoadImage takes an image archive (`docker save`) into the engine's store.
func (e *Engine) LoadImage(ctx context.Context, archive io.Reader) error {
	const op = "load image"
	if err := e.ready(ctx, op, ""); err != nil {
		return err
	}
	answer, err := e.cli.ImageLoad(ctx, ownReader{archive}, client.ImageLoadWithQuiet(true))
	if err != nil {
		return e.fail(ctx, op, "", err)
	}
	return e.fail(ctx, op, "", follow(answer.Body, nil))
}
