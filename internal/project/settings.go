package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"
)

// composeEnvFiles is the shell variable that stands in for --env-file.
const composeEnvFiles = "COMPOSE_ENV_FILES"

// settings are Options with files, directory and environment resolved.
type settings struct {
	// files are absolute names, "-", or names that a remote loader accepts.
	files []string
	// origin says how files were chosen when no -f did, for errors.
	origin string
	// dir is the absolute project directory.
	dir string
	// dirExplicit is set when --project-directory gave dir.
	dirExplicit bool
	env         types.Mapping
	envFiles    []string
}

// resolve finds environment and files in the order that docker compose has: the
// default .env first, since it may name the files; then the files, since their
// directory may hold another .env, which ranks below.
func resolve(opts Options, warn func(string)) (*settings, error) {
	s := &settings{env: shellEnv(opts)}
	if opts.Dir != "" {
		s.dir, s.dirExplicit = absFrom(opts.WorkDir, opts.Dir), true
	}
	for _, f := range opts.Files {
		s.files = append(s.files, opts.absFile(f))
	}
	explicit := opts.EnvFiles
	if len(explicit) == 0 {
		explicit = fields(s.env[composeEnvFiles])
	}
	if err := s.readEnv(opts, explicit, warn); err != nil {
		return nil, err
	}
	if err := s.findFiles(opts, warn); err != nil {
		return nil, err
	}
	if err := s.readEnv(opts, explicit, warn); err != nil {
		return nil, err
	}
	s.dir = s.projectDir(opts)
	return s, nil
}

// shellEnv is the shell's environment with PWD added where it is missing.
func shellEnv(opts Options) types.Mapping {
	env := types.Mapping{}
	for _, kv := range opts.Environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	if _, ok := env["PWD"]; !ok {
		env["PWD"] = opts.WorkDir
	}
	return env
}

// absFile makes a file name absolute unless it is standard input or remote.
func (o Options) absFile(name string) string {
	if name == "-" || o.isRemote(name) {
		return name
	}
	return absFrom(o.WorkDir, name)
}

func (o Options) isRemote(name string) bool {
	for _, r := range o.Remote {
		if r.Accept(name) {
			return true
		}
	}
	return false
}

// projectDir is --project-directory, else the directory of the first local file,
// else the working directory.
func (s *settings) projectDir(opts Options) string {
	if s.dir != "" {
		return s.dir
	}
	for _, f := range s.files {
		if opts.isRemote(f) {
			break
		}
		if f != "-" {
			return filepath.Dir(f)
		}
	}
	return opts.WorkDir
}

// findFiles fills in s.files from COMPOSE_FILE or by looking upwards from the
// project directory. Finding nothing is no error here.
func (s *settings) findFiles(opts Options, warn func(string)) error {
	if len(s.files) > 0 {
		return nil
	}
	list, ok := s.env[consts.ComposeFilePath]
	if !ok {
		s.discover(s.projectDir(opts), warn)
		return nil
	}
	sep := s.env[consts.ComposePathSeparator]
	if sep == "" {
		sep = string(os.PathListSeparator)
	}
	for _, name := range strings.Split(list, sep) {
		if name == "" {
			return &Error{Key: consts.ComposeFilePath, Msg: fmt.Sprintf("%q holds an empty file name", list),
				Hint: "remove the separator at its end or unset it"}
		}
		s.files = append(s.files, opts.absFile(name))
	}
	s.origin = "named by " + consts.ComposeFilePath
	return nil
}

// defaultFiles and overrideFiles are looked for in this order.
func defaultFiles() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
}

func overrideFiles() []string {
	return []string{"compose.override.yml", "compose.override.yaml",
		"docker-compose.override.yml", "docker-compose.override.yaml"}
}

// discover looks for a default file from dir upwards, and an override file beside it.
func (s *settings) discover(dir string, warn func(string)) {
	for {
		found := existing(dir, defaultFiles())
		if len(found) > 0 {
			warnMany(warn, "config", found)
			s.files = []string{found[0]}
			if over := existing(dir, overrideFiles()); len(over) > 0 {
				warnMany(warn, "override", over)
				s.files = append(s.files, over[0])
			}
			s.origin = "found by name"
			return
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return
		}
		dir = parent
	}
}

func warnMany(warn func(string), kind string, files []string) {
	if len(files) > 1 {
		warn(fmt.Sprintf("Found multiple %s files with supported names: %s", kind, strings.Join(files, ", ")))
		warn("Using " + files[0])
	}
}

func existing(dir string, names []string) []string {
	var found []string
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// readEnv merges env files below what s.env has: the explicit ones, or the default
// .env of what is the project directory so far. A default .env that was read before
// is not read again.
func (s *settings) readEnv(opts Options, explicit []string, warn func(string)) error {
	files := make([]string, 0, len(explicit))
	for _, f := range explicit {
		files = append(files, absFrom(opts.WorkDir, f))
	}
	if len(files) == 0 {
		file, err := s.defaultEnvFile(opts, warn)
		if err != nil || file == "" {
			return err
		}
		files = append(files, file)
	}
	if len(s.envFiles) > 0 && s.envFiles[len(s.envFiles)-1] == files[len(files)-1] {
		return nil
	}
	values, err := readEnvFiles(opts.WorkDir, s.env, files)
	if err != nil {
		return err
	}
	s.env.Merge(values)
	s.envFiles = append(s.envFiles, files...)
	return nil
}

// defaultEnvFile returns the .env that counts without --env-file, or "".
func (s *settings) defaultEnvFile(opts Options, warn func(string)) (string, error) {
	if v := s.env[consts.ComposeDisableDefaultEnvFile]; v != "" && len(s.envFiles) == 0 {
		off, err := strconv.ParseBool(v)
		if err != nil {
			return "", &Error{Key: consts.ComposeDisableDefaultEnvFile,
				Msg: fmt.Sprintf("%q is not a boolean", v), Hint: "set it to true or false"}
		}
		if off {
			return "", nil
		}
	}
	path := filepath.Join(s.projectDir(opts), ".env")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrPermission):
		warn(fmt.Sprintf("cannot access %s, ignoring default env file: %v", path, err))
		return "", nil
	case errors.Is(err, os.ErrNotExist):
		return "", nil
	case err != nil:
		return "", &Error{File: display(opts.WorkDir, path), Msg: "cannot read env file: " + reason(err), err: err}
	case info.IsDir():
		return "", nil
	}
	return path, nil
}

// profiles are those asked for by flag, else by COMPOSE_PROFILES.
func (s *settings) profiles(opts Options) []string {
	if len(opts.Profiles) > 0 {
		return opts.Profiles
	}
	// Unset it means the profile "", which some projects give to their defaults.
	out := strings.Split(s.env[consts.ComposeProfiles], ",")
	for i, p := range out {
		out[i] = strings.TrimSpace(p)
	}
	return out
}

// lookup finds a variable as the platform does: without regard to case on Windows.
func (s *settings) lookup(key string) (string, bool) {
	return lookupIn(s.env)(key)
}

// lookupIn returns a lookup in env that ignores case where the platform does.
func lookupIn(env types.Mapping) func(string) (string, bool) {
	return func(key string) (string, bool) {
		v, ok := env[key]
		if ok || runtime.GOOS != "windows" {
			return v, ok
		}
		for k, v := range env {
			if strings.EqualFold(k, key) {
				return v, true
			}
		}
		return "", false
	}
}

// fields splits a comma list and drops empty elements.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// absFrom makes path absolute, starting at dir.
func absFrom(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// Environment is the shell's environment over the .env files that count, without the
// Compose files being read: COMPOSE_* settings come from here. Warnings say what was
// odd on the way.
func Environment(opts Options) (env map[string]string, texts []string, err error) {
	var w warnings
	var set *settings
	err = w.capture(func() (err error) {
		set, err = resolve(opts, w.add)
		return err
	})
	if err != nil {
		return nil, w.texts, err
	}
	return set.env, w.texts, nil
}
