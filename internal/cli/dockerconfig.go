package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
)

// dockerFormat is a default format of the Docker CLI's config.json, such as
// psFormat. Connecting to the engine reads the same file and reports what is
// wrong with it.
func (s *session) dockerFormat(key string) string {
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
