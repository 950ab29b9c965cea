package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// typeName is what a provider's type may be: the name of a program, not a path.
var typeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// find gives the program of a provider's type: the Docker CLI plugin
// docker-<type>, or <type> itself on PATH.
func (r *Runner) find(kind string) (string, error) {
	switch {
	case !typeName.MatchString(kind):
		return "", fmt.Errorf("provider type %q is no name of a program: write the name alone, without a path", kind)
	case kind == "compose":
		return "", fmt.Errorf("provider type %q would run this program again: name another provider", kind)
	}
	if path := r.plugin("docker-" + kind); path != "" {
		return path, nil
	}
	if path := r.onPath(kind); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("no program for provider type %q: neither a Docker CLI plugin docker-%s nor %s on PATH was found; install one of them",
		kind, kind, kind)
}

// plugin gives the path of a Docker CLI plugin; empty when there is none.
func (r *Runner) plugin(name string) string {
	config := r.configDir()
	dirs := append(extraPluginDirs(config), filepath.Join(config, "cli-plugins"))
	return firstIn(append(dirs, r.systemDirs...), name)
}

// onPath gives the path of a program; empty when there is none.
func (r *Runner) onPath(name string) string {
	var dirs []string
	for _, dir := range filepath.SplitList(lookup(r.opt.Environ, "PATH")) {
		if filepath.IsAbs(dir) { // a relative entry would depend on the project's folder
			dirs = append(dirs, dir)
		}
	}
	return firstIn(dirs, name)
}

func firstIn(dirs []string, name string) string {
	suffixes := []string{""}
	if runtime.GOOS == "windows" {
		suffixes = []string{".exe", ".bat", ".cmd"}
	}
	for _, dir := range dirs {
		for _, suffix := range suffixes {
			if path := filepath.Join(dir, name+suffix); executable(path) {
				return path
			}
		}
	}
	return ""
}

func (r *Runner) configDir() string {
	if r.opt.ConfigDir != "" {
		return r.opt.ConfigDir
	}
	if dir := lookup(r.opt.Environ, "DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home := lookup(r.opt.Environ, "HOME")
	if runtime.GOOS == "windows" {
		home = lookup(r.opt.Environ, "USERPROFILE")
	}
	return filepath.Join(home, ".docker")
}

// extraPluginDirs reads cliPluginsExtraDirs of the Docker CLI's config.json. A
// file that cannot be read names none; connecting to the engine reports it.
func extraPluginDirs(configDir string) []string {
	text, err := os.ReadFile(filepath.Join(configDir, "config.json"))
	if err != nil {
		return nil
	}
	var config struct {
		Extra []string `json:"cliPluginsExtraDirs"`
	}
	if json.Unmarshal(text, &config) != nil {
		return nil
	}
	return config.Extra
}

// oneLine puts a text onto one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
