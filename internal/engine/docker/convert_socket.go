package docker

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"github.com/berth-dev/berth/internal/engine"
)

// Where use_api_socket puts things in a container; the Docker CLI's
// --use-api-socket uses the same places.
const (
	apiSocket       = "/var/run/docker.sock"
	apiSocketConfig = "/run/secrets/docker"
)

// addAPISocket gives a container the engine's socket and the registry
// credentials of whoever runs berth.
func addAPISocket(request *createRequest, around surroundings) error {
	content, err := around.dockerConfig()
	if err != nil {
		return err
	}
	request.host.Mounts = append(request.host.Mounts, mount.Mount{Type: mount.TypeBind, Source: apiSocket, Target: apiSocket})
	if request.host.ReadonlyRootfs {
		request.host.Mounts = append(request.host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: apiSocketConfig})
	}
	given := slices.ContainsFunc(request.config.Env, func(entry string) bool { return strings.HasPrefix(entry, "DOCKER_CONFIG=") })
	if !given {
		request.config.Env = append(request.config.Env, "DOCKER_CONFIG="+apiSocketConfig)
		slices.Sort(request.config.Env)
	}
	request.files = append(request.files, engine.File{Target: apiSocketConfig + "/config.json", Content: content, Mode: 0o600})
	return nil
}
