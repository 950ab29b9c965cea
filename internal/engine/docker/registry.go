package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config/types"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"github.com/berth-dev/berth/internal/engine"
)

// dockerHub is the key under which config.json keeps Docker Hub's credentials.
const dockerHub = "https://index.docker.io/v1/"

// PullImage pulls an image, with the credentials of the Docker configuration.
// Refusals of the registry are ErrDenied, ErrNotFound or ErrTransient.
func (e *Engine) PullImage(ctx context.Context, ref string, opts engine.PullOptions) error {
	const op = "pull image"
	if err := e.ready(ctx, op, ref); err != nil {
		return err
	}
	credentials, err := e.registryAuth(ref)
	if err != nil {
		return e.fail(ctx, op, ref, err)
	}
	stream, err := e.cli.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: credentials, Platform: opts.Platform})
	if err != nil {
		return e.failRegistry(ctx, op, ref, err)
	}
	return e.failRegistry(ctx, op, ref, follow(stream, opts.Progress))
}

// PushImage pushes an image, with the credentials of the Docker configuration.
func (e *Engine) PushImage(ctx context.Context, ref string, opts engine.PullOptions) error {
	const op = "push image"
	if err := e.ready(ctx, op, ref); err != nil {
		return err
	}
	credentials, err := e.registryAuth(ref)
	if err != nil {
		return e.fail(ctx, op, ref, err)
	}
	if credentials == "" {
		// The engine refuses a push without the header, even an anonymous one.
		credentials = base64.URLEncoding.EncodeToString([]byte("{}"))
	}
	stream, err := e.cli.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: credentials})
	if err != nil {
		return e.failRegistry(ctx, op, ref, err)
	}
	return e.failRegistry(ctx, op, ref, follow(stream, opts.Progress))
}

// ResolveDigest asks the registry, through the engine, for the digest a
// reference stands for now.
func (e *Engine) ResolveDigest(ctx context.Context, ref string) (string, error) {
	const op = "resolve the digest of image"
	if err := e.ready(ctx, op, ref); err != nil {
		return "", err
	}
	credentials, err := e.registryAuth(ref)
	if err != nil {
		return "", e.fail(ctx, op, ref, err)
	}
	answer, err := e.cli.DistributionInspect(ctx, ref, credentials)
	if err != nil {
		return "", e.failRegistry(ctx, op, ref, err)
	}
	return answer.Descriptor.Digest.String(), nil
}

// registryAuth is the X-Registry-Auth header for a reference; empty without
// credentials.
func (e *Engine) registryAuth(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("%q is no image reference: %w", ref, err)
	}
	key := reference.Domain(named)
	if key == "docker.io" {
		key = dockerHub
	}
	credential, err := e.config.GetAuthConfig(key)
	if err != nil {
		return "", fmt.Errorf("credentials for %s: %w", key, err)
	}
	if credential == (types.AuthConfig{}) || credential == (types.AuthConfig{ServerAddress: key}) {
		return "", nil
	}
	return registry.EncodeAuthConfig(registry.AuthConfig(credential))
}

// Credentials gives a registry's user name and secret from the Docker
// configuration, for BuildKit; a token comes with an empty user name.
func (e *Engine) Credentials(host string) (user, secret string, err error) {
	if host == "registry-1.docker.io" || host == "docker.io" {
		host = dockerHub
	}
	credential, err := e.config.GetAuthConfig(host)
	if err != nil {
		return "", "", fmt.Errorf("credentials for %s: %w", host, err)
	}
	if credential.IdentityToken != "" {
		return "", credential.IdentityToken, nil
	}
	return credential.Username, credential.Password, nil
}

// encodeCredential writes user and password in the form of config.json.
func encodeCredential(credential types.AuthConfig) types.AuthConfig {
	if credential.Username != "" || credential.Password != "" {
		credential.Auth = base64.StdEncoding.EncodeToString([]byte(credential.Username + ":" + credential.Password))
	}
	credential.Username, credential.Password, credential.ServerAddress = "", "", ""
	return credential
}

// progressMessage is one line of a pull, push or build answer (Engine API,
// JSON stream).
type progressMessage struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Stream   string `json:"stream"`
	Progress *struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error string           `json:"error"`
	Aux   *json.RawMessage `json:"aux"`
}

// follow reads a progress stream to its end and closes it. The engine reports
// failures inside the stream, with status 200.
func follow(stream io.ReadCloser, progress func(engine.PullProgress)) error {
	return errors.Join(eachMessage(stream, func(message progressMessage) error {
		if message.Error != "" {
			return errors.New(strings.TrimSpace(message.Error))
		}
		if progress == nil {
			return nil
		}
		update := engine.PullProgress{Layer: message.ID, Status: message.Status}
		if message.Progress != nil {
			update.Current, update.Total = message.Progress.Current, message.Progress.Total
		}
		progress(update)
		return nil
	}), stream.Close())
}

// eachMessage decodes a stream until its end or the first error.
func eachMessage(stream io.Reader, each func(progressMessage) error) error {
	decoder := json.NewDecoder(stream)
	for {
		var message progressMessage
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(message); err != nil {
			return err
		}
	}
}
