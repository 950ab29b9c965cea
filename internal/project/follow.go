package project

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// referral is a file that another names: where relative names in it start, and
// whether its own include section counts (that of an extended file does not).
type referral struct {
	file, dir string
	include   bool
	env       string // an env file for the variables in it, or ""
}

// follow measures every local file that the sources reach by include and extends,
// before compose-go opens it. A name that leads nowhere is left to compose-go, which
// knows best how it resolves; its error is located afterwards.
func (s *sources) follow(dir string, env types.Mapping, raw bool) error {
	expand := func(name string) string {
		if raw {
			return name
		}
		out, err := template.SubstituteWithOptions(name, lookupIn(env), template.WithoutLogging)
		if err != nil {
			return name
		}
		return out
	}
	var queue []referral
	for _, src := range s.files {
		queue = append(queue, s.references(src, dir, true, expand)...)
	}
	seen := map[referral]bool{}
	for len(queue) > 0 {
		ref := queue[0]
		queue = queue[1:]
		if seen[ref] {
			continue
		}
		seen[ref] = true
		if err := s.checkEnvFile(ref.env, env); err != nil {
			return err
		}
		src, err := s.open(ref.file)
		if err != nil {
			return err
		}
		if src != nil {
			queue = append(queue, s.references(src, ref.dir, ref.include, expand)...)
		}
	}
	return nil
}

// checkEnvFile measures an env file of an include. Whether it is there is for compose-go
// to say.
func (s *sources) checkEnvFile(file string, env types.Mapping) error {
	info, err := os.Stat(file)
	if err != nil || info.IsDir() || file == os.DevNull {
		return nil //nolint:nilerr // compose-go reports it
	}
	data, err := readBounded(file, maxEnvFile)
	if err != nil {
		return &Error{File: display(s.workDir, file), Msg: "cannot read env file: " + reason(err), err: err}
	}
	return checkEnvText(s.workDir, file, data, lookupIn(env))
}

// open adds a referred file, or returns the source that it already is; nil where
// there is no such file.
func (s *sources) open(file string) (*source, error) {
	if src := s.get(file); src != nil {
		return src, nil
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode()&os.ModeDevice != 0 {
		return nil, &Error{File: display(s.workDir, file), Msg: "cannot read the compose file: it is a device"}
	}
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil //nolint:nilerr,nilnil // compose-go reports what it cannot open
	}
	if len(s.files) >= maxFiles {
		return nil, &Error{File: display(s.workDir, file), Msg: fmt.Sprintf("more than %d files are included", maxFiles),
			Hint: "merge some of them"}
	}
	data, err := readBounded(file, maxComposeFile)
	if err != nil {
		return nil, &Error{File: display(s.workDir, file), Msg: "cannot read the compose file: " + reason(err), err: err}
	}
	if err := s.add(file, data); err != nil {
		return nil, err
	}
	src := s.files[len(s.files)-1]
	src.referred = true
	return src, nil
}

// references lists the local files that src names.
func (s *sources) references(src *source, dir string, include bool, expand func(string) string) []referral {
	var refs []referral
	for _, doc := range src.parsed() {
		top := root(doc)
		if include {
			refs = append(refs, s.includes(child(top, "include"), dir, expand)...)
		}
		for _, section := range []string{"services", "jobs"} {
			refs = append(refs, s.extended(child(top, section), dir, expand)...)
		}
	}
	return refs
}

// extended lists the files whose services those of a section extend.
func (s *sources) extended(services *yaml.Node, dir string, expand func(string) string) []referral {
	if services == nil || services.Kind != yaml.MappingNode {
		return nil
	}
	var refs []referral
	for i := 1; i < len(services.Content); i += 2 {
		file := child(child(services.Content[i], "extends"), "file")
		if file == nil || file.Value == "" {
			continue
		}
		if name := expand(file.Value); !s.remote(name) {
			path := absFrom(dir, name)
			refs = append(refs, referral{file: path, dir: filepath.Dir(path)})
		}
	}
	return refs
}

// includes lists the files of an include section.
func (s *sources) includes(section *yaml.Node, dir string, expand func(string) string) []referral {
	if section == nil || section.Kind != yaml.SequenceNode {
		return nil
	}
	var refs []referral
	for _, item := range section.Content {
		refs = append(refs, s.included(deref(item), dir, expand)...)
	}
	return refs
}

// included lists the files of one include: a string, or a mapping with path (a string or
// a list) and project_directory. The first file gives the folder and the env file that
// are not written.
func (s *sources) included(item *yaml.Node, dir string, expand func(string) string) []referral {
	paths, base := item, ""
	var envs []string
	if item.Kind == yaml.MappingNode {
		paths = child(item, "path")
		if d := child(item, "project_directory"); d != nil && d.Value != "" {
			base = absFrom(dir, expand(d.Value))
		}
		for _, name := range scalars(child(item, "env_file")) {
			envs = append(envs, absFrom(dir, expand(name)))
		}
	}
	var refs []referral
	for _, name := range scalars(paths) {
		name = expand(name)
		if name == "" || s.remote(name) {
			continue
		}
		path := absFrom(dir, name)
		if base == "" {
			base = filepath.Dir(path)
		}
		if len(envs) == 0 {
			envs = []string{filepath.Join(base, ".env")}
		}
		for _, env := range envs {
			refs = append(refs, referral{file: path, dir: base, include: true, env: env})
		}
	}
	return refs
}

// scalars returns a scalar, or those of a list.
func scalars(n *yaml.Node) []string {
	n = deref(n)
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}
	}
	var out []string
	for _, c := range n.Content {
		if c = deref(c); c.Kind == yaml.ScalarNode {
			out = append(out, c.Value)
		}
	}
	return out
}
