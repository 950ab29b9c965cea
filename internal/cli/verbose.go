package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/berth-dev/berth/internal/app"
)

// talkative tells whether --verbose, or docker's flag for the same, was given.
func (f *globalFlags) talkative() bool { return f.verbose || f.docker.talkative() }

// debug tells, on standard error, what only --verbose shows.
func (s *session) debug(format string, args ...any) {
	if !s.flags.talkative() {
		return
	}
	if t, err := s.term(); err == nil { // a bad --ansi ends the command by itself
		line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
		_, _ = io.WriteString(t.Err, "debug: "+line+"\n") // as with warnings, nobody is left to be told
	}
}

// debugProject tells what the command line and the settings say about the
// project.
func (s *session) debugProject(o app.ProjectOptions) {
	if !s.flags.talkative() {
		return
	}
	dir, err := s.env.WorkDir()
	if err != nil {
		return // which loading the settings has reported
	}
	s.debug("berth %s, called as %s in %s", s.env.Version, s.inv.name, dir)
	switch {
	case len(o.Files) > 0:
		s.debug("Compose files: %s, by --file", strings.Join(o.Files, ", "))
	case s.setting("COMPOSE_FILE") != "":
		s.debug("Compose files: %s, by COMPOSE_FILE", s.setting("COMPOSE_FILE"))
	case o.Dir != "":
		s.debug("Compose files: looked for in %s and above", o.Dir)
	default:
		s.debug("Compose files: looked for in %s and above", dir)
	}
	if o.Dir != "" {
		s.debug("project directory: %s", o.Dir)
	}
	if len(o.EnvFiles) > 0 {
		s.debug("environment files: %s", strings.Join(o.EnvFiles, ", "))
	}
	for _, key := range sortedKeys(s.settings) {
		if strings.HasPrefix(key, "COMPOSE_") {
			s.debug("setting: %s=%s", key, s.settings[key])
		}
	}
}

// debugEngine tells which engine is spoken to.
func (s *session) debugEngine(e app.Engine) {
	if !s.flags.talkative() {
		return
	}
	text := "engine: " + e.Endpoint()
	if name := s.flags.docker.Context; name != "" {
		text += ", by the context " + name
	}
	s.debug("%s", text)
}
