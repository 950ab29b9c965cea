package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/docker/cli/cli/config/types"
)

// The switches that docker compose knows for remote files; both are on unless
// set to a false value.
const (
	gitSwitch = "COMPOSE_EXPERIMENTAL_GIT_REMOTE"
	ociSwitch = "COMPOSE_EXPERIMENTAL_OCI_REMOTE"
)

// Options say how to reach what is elsewhere. The zero value is usable.
type Options struct {
	// CacheDir is where fetched files are kept; empty for the folder "berth" in
	// the user's cache folder.
	CacheDir string
	// Environ is the shell's environment as KEY=VALUE. git runs in it.
	Environ []string
	// ConfigDir is the folder of the Docker CLI's config.json; empty for
	// DOCKER_CONFIG, else the user's own.
	ConfigDir string
	// Credentials gives what opens a registry (host, with its port; the
	// address https://index.docker.io/v1/ for Docker Hub); nil for the Docker
	// CLI's configuration and its helpers.
	Credentials func(registry string) (types.AuthConfig, error)
	// Insecure are registries (host, with its port) whose certificate is not
	// checked and that may speak plain HTTP. Those on this machine are spoken to
	// in plain HTTP anyway.
	Insecure []string
	// UserAgent is how registries are told who asks.
	UserAgent string
}

// Loaders are what project.Options.Remote takes. Making them does no work; what
// they fetch they fetch once, so one set should serve a whole process.
func Loaders(opt Options) []loader.ResourceLoader {
	return []loader.ResourceLoader{
		&gitLoader{opt: opt, files: newMemo()},
		&ociLoader{opt: opt, files: newMemo(), registries: newRegistries(opt)},
	}
}

// lookup reads a variable of the environment; the last one counts.
func (o Options) lookup(key string) string {
	for i := len(o.Environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(o.Environ[i], "="); ok && k == key {
			return v
		}
	}
	return ""
}

// enabled reads one of the switches.
func (o Options) enabled(key, what string) error {
	value := o.lookup(key)
	if value == "" {
		return nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("%s: %q is not a boolean (set it to true or false)", key, value)
	}
	if !on {
		return fmt.Errorf("%s is disabled by %s=%s", what, key, value)
	}
	return nil
}

// cache is the folder for files of one kind.
func (o Options) cache(kind string) (string, error) {
	dir := o.CacheDir
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to keep remote files in: %w (set XDG_CACHE_HOME or HOME)", err)
		}
		dir = filepath.Join(user, "berth")
	}
	dir, err := filepath.Abs(filepath.Join(dir, kind))
	if err != nil {
		return "", fmt.Errorf("find the folder for remote files: %w", err)
	}
	return dir, nil
}
