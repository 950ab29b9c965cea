package docker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/versions"
)

// olderThan compares API versions such as "1.41".
func olderThan(version, than string) bool { return versions.LessThan(version, than) }

// sortedKeys are a map's keys in order, so that requests are reproducible.
func sortedKeys[M ~map[K]V, K ~string, V any](m M) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, string(key))
	}
	slices.Sort(keys)
	return keys
}

// cutEnv divides "KEY=value"; ok is false for a bare KEY.
func cutEnv(entry string) (key, value string, ok bool) { return strings.Cut(entry, "=") }

// field is the path of a service's key in messages: services.web.image.
func field(service, key string) string { return fmt.Sprintf("services.%s.%s", service, key) }
