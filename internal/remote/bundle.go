package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"
)

// Source is one of the project's own Compose files.
type Source struct {
	// Name is its absolute name; "-" for standard input.
	Name    string
	Content []byte
}

// BundleOptions say how files become layers.
type BundleOptions struct {
	// Dir is the absolute project directory; file names are shown from here, and
	// relative names in standard input start here.
	Dir string
	// Environment is what variables in file names stand for.
	Environment map[string]string
	// WithEnv takes the files of env_file in; without it they are an error.
	WithEnv bool
	// Version is that of the program, written into the artifact.
	Version string
	// Remote tells references that need no file here, such as oci://.
	Remote func(name string) bool
}

// Bundled is what Bundle makes of the files.
type Bundled struct {
	// Layers are the project's files in order, then what they refer to.
	Layers []Layer
	// Findings are what a person should know before it all becomes public.
	Findings []Finding
	// Left are files that the project names and the artifact does not hold.
	Left []Finding
}

// Finding is something noteworthy in a file.
type Finding struct {
	File string // from the project directory
	Line int    // from 1
	Key  string // such as services.web.environment.TOKEN
	Text string // what it is; never the value
}

// String is the finding on one line.
func (f Finding) String() string {
	at := fmt.Sprintf("%s:%d", f.File, f.Line)
	if f.Key != "" {
		at += ": " + f.Key
	}
	return at + ": " + f.Text
}

// Bundle turns Compose files into layers: as they are written, only the names of
// files that come along (extends, env_file) are replaced by the names these have
// in the artifact. The error names file, line and key of what cannot be published.
func Bundle(files []Source, opt BundleOptions) (Bundled, error) {
	b := &bundler{opt: opt, extended: map[string]string{}, envs: map[string]string{}}
	var own []Layer
	names := map[string]int{}
	for _, f := range files {
		name, dir := filepath.Base(f.Name), filepath.Dir(f.Name)
		if f.Name == "-" {
			name, dir = mainFile, opt.Dir
		}
		content, err := b.file(f.Name, dir, f.Content, true)
		if err != nil {
			return Bundled{}, err
		}
		if names[name]++; names[name] > 1 { // two folders have files of one name
			name = fmt.Sprintf("%d-%s", names[name], name)
		}
		own = append(own, composeLayer(opt.Version, name, content))
	}
	b.out.Layers = append(own, b.out.Layers...)
	b.out.Findings, b.out.Left = once(b.out.Findings), once(b.out.Left)
	return b.out, nil
}

// once drops what is found again by way of an alias.
func once(all []Finding) []Finding {
	seen := map[Finding]bool{}
	var out []Finding
	for _, f := range all {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// bundler collects layers and findings over all files.
type bundler struct {
	opt      BundleOptions
	out      Bundled
	extended map[string]string // absolute file name to its name in the artifact
	envs     map[string]string
}

// document is what is being read.
type document struct {
	*bundler
	shown string // the file's name for people
	dir   string // where its relative names start
	edits []edit
	done  map[*yaml.Node]bool
}

// file reads one Compose file and returns it with names replaced. The include
// sections of extended files do not count.
func (b *bundler) file(name, dir string, content []byte, include bool) ([]byte, error) {
	d := &document{bundler: b, shown: b.shown(name), dir: dir, done: map[*yaml.Node]bool{}}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s", d.shown, oneLine(err))
		}
		if err := d.read(&doc, include); err != nil {
			return nil, err
		}
	}
	out, err := apply(content, d.edits)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", d.shown, err)
	}
	return out, nil
}

// shown is a file's name from the project directory.
func (b *bundler) shown(name string) string {
	if name == "-" {
		return "<stdin>"
	}
	if rel, err := filepath.Rel(b.opt.Dir, name); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return name
}

// read goes through what can name other files.
func (d *document) read(doc *yaml.Node, include bool) error {
	top := doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
		top = deref(doc.Content[0])
	}
	if include {
		if err := d.includes(top); err != nil {
			return err
		}
	}
	for _, section := range []string{"services", "jobs"} {
		for _, services := range find(top, section) {
			for _, p := range pairs(services) {
				if err := d.service(section+"."+p.key.Value, deref(p.value)); err != nil {
					return err
				}
			}
		}
	}
	d.contents(top, "configs")
	d.contents(top, "secrets")
	d.scan(top, "")
	return nil
}

// contents notes configs or secrets that are files.
func (d *document) contents(top *yaml.Node, section string) {
	for _, list := range find(top, section) {
		for _, p := range pairs(list) {
			for _, file := range find(p.value, "file") {
				d.left(file, section+"."+p.key.Value+".file", "the file is not part of what is published")
			}
		}
	}
}

// includes refuses local files: whoever fetches the project does not have them.
func (d *document) includes(top *yaml.Node) error {
	for _, section := range find(top, "include") {
		for _, item := range items(section) {
			for _, n := range included(item) {
				if name := d.expand(n.Value); !d.opt.Remote(name) {
					return d.errorAt(n, "include", "%s is a local file, which cannot be published (publish it on its own and include it as oci://...)", name)
				}
			}
		}
	}
	return nil
}

// included are the names of files in an element of include: itself, or those
// under its keys.
func included(item *yaml.Node) []*yaml.Node {
	if item.Kind != yaml.MappingNode {
		return items(item)
	}
	var names []*yaml.Node
	for _, key := range []string{"path", "env_file"} {
		for _, n := range find(item, key) {
			names = append(names, items(n)...)
		}
	}
	return names
}

func (d *document) service(key string, service *yaml.Node) error {
	for _, extends := range find(service, "extends") {
		for _, file := range find(extends, "file") {
			if err := d.extends(key+".extends.file", file); err != nil {
				return err
			}
		}
	}
	for _, list := range find(service, "env_file") {
		for _, item := range items(list) {
			if err := d.envFile(key+".env_file", item); err != nil {
				return err
			}
		}
	}
	for _, file := range find(service, "label_file") {
		d.left(file, key+".label_file", "the file is not part of what is published")
	}
	for _, list := range find(service, "environment") {
		d.environment(key+".environment", list)
	}
	return nil
}

// extends takes an extended file in, once, and puts its new name in place.
func (d *document) extends(key string, node *yaml.Node) error {
	name := d.expand(node.Value)
	if d.done[node] || d.opt.Remote(name) {
		return nil
	}
	path := d.abs(name)
	stored, ok := d.extended[path]
	if !ok {
		stored = hashed(filepath.ToSlash(d.bundler.shown(path))) + ".yaml"
		d.extended[path] = stored // before the file is read: it may extend itself
		content, err := readFile(path)
		if err != nil {
			return d.errorAt(node, key, "%s", err)
		}
		if content, err = d.bundler.file(path, filepath.Dir(path), content, false); err != nil {
			return err
		}
		d.out.Layers = append(d.out.Layers, extendsLayer(d.opt.Version, stored, content))
	}
	return d.replace(node, key, stored)
}

// envFile takes an env file in. A missing one that need not be there stays.
func (d *document) envFile(key string, item *yaml.Node) error {
	node, required := item, true
	if item.Kind == yaml.MappingNode {
		for _, n := range find(item, "required") {
			required = n.Value != "false"
		}
		paths := find(item, "path")
		if len(paths) == 0 {
			return nil
		}
		node = paths[0]
	}
	if d.done[node] {
		return nil
	}
	name := d.expand(node.Value)
	if !d.opt.WithEnv {
		return d.errorAt(node, key, "%s would become public (publish it as well with --with-env, or take it out)", name)
	}
	path := d.abs(name)
	stored, ok := d.envs[path]
	if !ok {
		content, err := readFile(path)
		if errors.Is(err, os.ErrNotExist) && !required {
			return nil
		}
		if err != nil {
			return d.errorAt(node, key, "%s", err)
		}
		stored = hashed(string(content)) + ".env"
		if !d.holds(stored) {
			d.out.Layers = append(d.out.Layers, envLayer(d.opt.Version, stored, content))
		}
		d.envs[path] = stored
		d.out.Findings = append(d.out.Findings, Finding{File: d.shown, Line: node.Line, Key: key, Text: "the file " + name + " is published"})
		d.scanEnv(d.bundler.shown(path), content)
	}
	return d.replace(node, key, stored)
}

// holds tells whether an env file of the same content came along already.
func (b *bundler) holds(name string) bool {
	for _, l := range b.out.Layers {
		if l.Annotations[envFileNote] == name {
			return true
		}
	}
	return false
}

// replace notes that a name is to be written as another one.
func (d *document) replace(node *yaml.Node, key, text string) error {
	if d.done[node] {
		return nil
	}
	d.done[node] = true
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 {
		return d.errorAt(node, key, "the name must be written plainly on one line to be published")
	}
	d.edits = append(d.edits, edit{line: node.Line, column: node.Column, value: node.Value, style: node.Style, text: text})
	return nil
}

func (d *document) left(node *yaml.Node, key, text string) {
	d.out.Left = append(d.out.Left, Finding{File: d.shown, Line: node.Line, Key: key, Text: text})
}

func (d *document) errorAt(node *yaml.Node, key, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %s", d.shown, node.Line, key, oneLine(fmt.Errorf(format, args...)))
}

// expand puts variables in; what cannot be expanded stays.
func (d *document) expand(name string) string {
	out, err := template.SubstituteWithOptions(name, func(key string) (string, bool) {
		v, ok := d.opt.Environment[key]
		return v, ok
	}, template.WithoutLogging)
	if err != nil {
		return name
	}
	return out
}

func (d *document) abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(d.dir, name)
}

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
