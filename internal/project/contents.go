package project

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
)

// maxContent bounds one config or secret in bytes: what is mounted into a container is
// read into memory to be hashed and copied.
const maxContent = 64 << 20

// ContentKey names a config or a secret of the project.
type ContentKey struct {
	// Kind is "config" or "secret".
	Kind string
	// Name is the key in the file, not the name on the engine.
	Name string
}

// Contents reads what the configs and secrets of the project hold, whatever their
// source: a file, a variable, or content in the Compose file. External ones, those of a
// driver, and directories, which have no single content, are left out. The error names
// file and key.
func (l *Loaded) Contents() (map[ContentKey][]byte, error) {
	out := map[ContentKey][]byte{}
	for _, name := range slices.Sorted(maps.Keys(l.Project.Configs)) {
		if err := l.content(out, "config", name, types.FileObjectConfig(l.Project.Configs[name])); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Project.Secrets)) {
		if err := l.content(out, "secret", name, types.FileObjectConfig(l.Project.Secrets[name])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// content adds the bytes of one object to out.
func (l *Loaded) content(out map[ContentKey][]byte, kind, name string, o types.FileObjectConfig) error {
	at := ContentKey{kind, name}
	switch {
	case bool(o.External):
	case o.Environment != "":
		value, ok := l.Environment[o.Environment]
		if !ok {
			return l.contentError(at, "environment", fmt.Sprintf("environment variable %q required by %s %q is not set",
				o.Environment, kind, name), "set it in the shell or an env file", nil)
		}
		out[at] = []byte(value)
	case o.File != "":
		data, err := readBounded(o.File, maxContent)
		if info, statErr := os.Stat(o.File); statErr == nil && info.IsDir() {
			return nil
		}
		if err != nil {
			hint := ""
			if errors.Is(err, os.ErrNotExist) {
				hint = "create it or correct the name"
			}
			return l.contentError(at, "file", "cannot read "+o.File+": "+reason(err), hint, err)
		}
		out[at] = data
	case o.Driver == "":
		out[at] = []byte(o.Content)
	}
	return nil
}

func (l *Loaded) contentError(at ContentKey, source, msg, hint string, err error) error {
	path := []string{at.Kind + "s", at.Name, source}
	e := &Error{Key: key(path), Msg: msg, Hint: hint, err: err}
	if pos, depth := l.sources.locate(path); depth > 0 {
		e.File, e.Line = pos.file, pos.line
	}
	return e
}

// checkFiles refuses an env_file or label_file that is missing or would expand without
// bound, before compose-go reads it.
func (s *session) checkFiles(p *types.Project) error {
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		service := p.Services[name]
		if err := s.checkSpecFiles(p, service.ContainerSpec, "services", name); err != nil {
			return err
		}
		for i, hook := range service.PreStart {
			if err := s.checkSpecFiles(p, hook.ContainerSpec, "services", name, "pre_start", strconv.Itoa(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSpecFiles checks the files that a service, or a hook, at path names.
func (s *session) checkSpecFiles(p *types.Project, spec types.ContainerSpec, path ...string) error {
	at := func(key string, i int) []string {
		return append(slices.Clone(path), key, strconv.Itoa(i))
	}
	for i, f := range spec.EnvFiles {
		if s.skipEnv {
			break
		}
		if err := s.checkFile(p, f.Path, bool(f.Required), at("env_file", i)); err != nil {
			return err
		}
	}
	for i, f := range spec.LabelFiles {
		if err := s.checkFile(p, f, true, at("label_file", i)); err != nil {
			return err
		}
	}
	return nil
}

// checkFile checks one file that a service names at path.
func (s *session) checkFile(p *types.Project, file string, required bool, path []string) error {
	data, err := readBounded(file, maxEnvFile)
	if err == nil {
		return checkEnvText(s.opts.WorkDir, file, data, lookupIn(p.Environment))
	}
	e := &Error{Key: key(path[:len(path)-1]), Msg: "cannot read " + file + ": " + reason(err), err: err}
	if errors.Is(err, os.ErrNotExist) {
		if !required {
			return nil
		}
		section := path[len(path)-2]
		kind := map[string]string{"env_file": "env file", "label_file": "label file"}[section]
		e.Msg, e.Hint = kind+" "+orQuotes(file)+" not found", "create it, or make it optional with required: false"
		if section == "label_file" {
			e.Hint = "create it or correct the name"
		}
	}
	if pos, depth := s.sources.locate(path); depth > 0 {
		e.File, e.Line = pos.file, pos.line
	}
	return e
}
