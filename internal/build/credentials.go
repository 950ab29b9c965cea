package build

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/sshforward"
	"github.com/moby/buildkit/session/sshforward/sshprovider"

	"github.com/berth-dev/berth/pkg/event"
)

// complete loads the user's docker configuration unless the caller gave one, and
// takes the proxies for builds from it.
func (o Options) complete() Options {
	if o.Credentials == nil {
		var err error
		if o.Credentials, err = config.Load(config.Dir()); err != nil {
			o.emit(event.Event{Kind: event.KindWarning, Text: "no registry credentials: " + err.Error()})
			o.Credentials = configfile.New("")
		}
	}
	if o.ProxyArgs == nil {
		o.ProxyArgs = map[string]string{}
		for name, value := range o.Credentials.ParseProxyConfig(o.Engine.Endpoint, nil) {
			if value != nil {
				o.ProxyArgs[name] = *value
			}
		}
	}
	return o
}

// newAuth answers the engine's questions for registry credentials out of the
// docker configuration.
func newAuth(o Options) session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{ConfigFile: o.Credentials})
}

// secretStore gives build secrets to BuildKit, reading files when asked.
type secretStore map[string]Secret

// GetSecret returns the secret's content.
func (s secretStore) GetSecret(_ context.Context, id string) ([]byte, error) {
	secret, ok := s[id]
	if !ok {
		return nil, fmt.Errorf("%s: %w", id, secrets.ErrNotFound)
	}
	if secret.File == "" {
		return []byte(secret.Value), nil
	}
	content, err := os.ReadFile(secret.File)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %s", id, plain(err))
	}
	return content, nil
}

// checkSecrets finds missing files before anything is sent.
func checkSecrets(target Target) error {
	for _, secret := range target.Secrets {
		if secret.File == "" {
			continue
		}
		if _, err := os.Stat(secret.File); err != nil {
			return fmt.Errorf("services.%s.build.secrets: secret %s: %s", target.Service, secret.ID, plain(err))
		}
	}
	return nil
}

// sshKeys are a target's agents and keys by ID; those of the command line win.
func sshKeys(target Target, o Options) ([]sshprovider.AgentConfig, error) {
	byID := map[string]int{}
	var keys []sshprovider.AgentConfig
	put := func(id string, paths []string) {
		key := sshprovider.AgentConfig{ID: id, Paths: paths}
		if at, ok := byID[id]; ok {
			keys[at] = key
			return
		}
		byID[id] = len(keys)
		keys = append(keys, key)
	}
	for _, key := range target.Build.SSH {
		var paths []string
		if key.Path != "" {
			paths = strings.Split(key.Path, ",")
		}
		put(key.ID, paths)
	}
	for _, text := range o.SSH {
		id, path, ok := strings.Cut(text, "=")
		if !ok && id != sshforward.DefaultID {
			return nil, fmt.Errorf("--ssh %s: a key other than default needs a path: %s=PATH", text, text)
		}
		var paths []string
		if path != "" {
			paths = strings.Split(path, ",")
		}
		put(id, paths)
	}
	for _, key := range keys {
		if len(key.Paths) == 0 && os.Getenv("SSH_AUTH_SOCK") == "" {
			return nil, fmt.Errorf("services.%s.build.ssh: %s: no agent is running (SSH_AUTH_SOCK is not set) and no key is named", target.Service, key.ID)
		}
	}
	return keys, nil
}
