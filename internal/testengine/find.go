package testengine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Find asks, in this order, DOCKER_HOST alone if it is set; else the Docker
// context in use, the system's socket, and those of rootless Docker and Docker
// Desktop. The error names each address and what went wrong there.
func Find(ctx context.Context) (Engine, error) {
	var refusals []error
	for _, host := range candidates() {
		engine, err := connect(ctx, host)
		if err == nil {
			return engine, nil
		}
		refusals = append(refusals, fmt.Errorf("%s: %w", host, err))
	}
	return Engine{}, errors.Join(refusals...)
}

// candidates lists where an engine may listen, in the form of DOCKER_HOST.
func candidates() []string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	var hosts []string
	if host := contextHost(); host != "" {
		hosts = append(hosts, host)
	}
	hosts = append(hosts, "unix:///var/run/docker.sock")
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		hosts = append(hosts, "unix://"+filepath.Join(dir, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		hosts = append(hosts, "unix://"+filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	return hosts
}

// contextHost is the address of the Docker context in use, or "" where none
// is or its files cannot be read: the other candidates are asked then.
func contextHost() string {
	dir := os.Getenv("DOCKER_CONFIG")
	if home, err := os.UserHomeDir(); dir == "" && err == nil {
		dir = filepath.Join(home, ".docker")
	}
	var config struct{ CurrentContext string }
	readJSON(filepath.Join(dir, "config.json"), &config)
	name := cmp.Or(os.Getenv("DOCKER_CONTEXT"), config.CurrentContext)
	// A context's folder is named by the digest of its name (docker/cli's store).
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	readJSON(filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"), &meta)
	return meta.Endpoints["docker"].Host
}

// readJSON decodes a file into out and leaves out alone if it cannot.
func readJSON(path string, out any) {
	if content, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(content, out) // a broken file counts as none
	}
}
