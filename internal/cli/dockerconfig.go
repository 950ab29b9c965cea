package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
)

// dockerDefault is a default that the Docker CLI's config.json sets, such as
// psFormat or detachKeys. Connecting to the engine reads the same file and reports what is
// wrong with it.
func (s *session) dockerDefault(key string) string {
	dir := s.flags.docker.ConfigDir
	if dir == "" {
		dir = s.lookup("DOCKER_CONFIG")
	}
	if dir == "" {
		home := s.lookup("HOME")
		if runtime.GOOS == "windows" {
			home = s.lookup("USERPROFILE")
		}
		dir = filepath.Join(home, ".docker")
	}
	content, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil { // mostly: there is none
		return ""
	}
	var config map[string]json.RawMessage
	if json.Unmarshal(content, &config) != nil {
		return ""
	}
	var format string
	if json.Unmarshal(config[key], &format) != nil {
		return ""
	}
	return format
}
