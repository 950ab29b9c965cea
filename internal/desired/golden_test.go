package desired_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

var update = flag.Bool("update", false, "write what is desired into the golden files")

// Each file of testdata holds a Compose file, the files its configs and secrets
// name, and what is desired: the networks, volumes and containers that a plan
// would work towards. The separator section replaces "-" between parts of names.
func TestDesiredStatesAreAsInTheGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, archive)
			if *update {
				archive.Files = append(slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "desired" }),
					txtar.File{Name: "desired", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := section(archive, "desired"); got != want && !*update {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// load gives the project of a file that is said to lie in /project.
func load(t *testing.T, text string) *types.Project {
	t.Helper()
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: "/project", ConfigFiles: []types.ConfigFile{{Filename: "/project/compose.yaml", Content: []byte(text)}},
	}, func(o *loader.Options) { o.SetProjectName("app", true); o.SkipConsistencyCheck = true })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options(archive *txtar.Archive, p *types.Project) desired.Options {
	opt := desired.Options{
		Version: "1.0", ConfigFiles: []string{"/project/compose.yaml"}, Images: map[string]engine.Image{},
		Separator: strings.TrimSpace(section(archive, "separator")),
		Contents:  desired.Contents{Configs: map[string][]byte{}, Secrets: map[string][]byte{}},
	}
	for _, svc := range p.Services {
		ref := desired.ImageName(p, svc, opt.Separator)
		opt.Images[ref] = engine.Image{ID: "id-of-" + ref}
	}
	add := func(into map[string][]byte, key string, o types.FileObjectConfig) {
		if o.File != "" {
			into[key] = []byte(section(archive, path.Base(o.File)))
		} else if !bool(o.External) {
			into[key] = []byte(o.Content)
		}
	}
	for key, o := range p.Configs {
		add(opt.Contents.Configs, key, types.FileObjectConfig(o))
	}
	for key, o := range p.Secrets {
		add(opt.Contents.Secrets, key, types.FileObjectConfig(o))
	}
	return opt
}

// text collects lines.
type text struct {
	t *testing.T
	strings.Builder
}

func (b *text) line(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

// describe writes a desired state as text, or the error.
func describe(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	p := load(t, section(archive, "compose.yaml"))
	d, err := desired.Build(p, options(archive, p))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	b := &text{t: t}
	b.line("known: %s", strings.Join(slices.Sorted(maps.Keys(d.Known)), " "))
	for _, n := range d.Networks {
		b.line("network %s: %s%s", n.Key, n.Spec.Name, external(n.External))
		b.labels("  ", n.Spec.Labels)
	}
	for _, v := range d.Volumes {
		b.line("volume %s: %s%s", v.Key, v.Spec.Name, external(v.External))
		b.labels("  ", v.Spec.Labels)
	}
	for _, svc := range d.Services {
		b.service(svc)
	}
	return b.String()
}

func external(yes bool) string {
	if yes {
		return " (external)"
	}
	return ""
}

// labels writes labels whose values are worth looking at. The hash has tests of
// its own, the spec is written elsewhere.
func (b *text) labels(indent string, all map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		if key == labels.ConfigHash && len(value) == 64 {
			value = "<hash>"
		}
		if key != labels.Spec {
			b.line("%slabel %s=%s", indent, key, value)
		}
	}
}

func (b *text) service(svc desired.Service) {
	b.line("service %s: %d of %s", svc.Name, svc.Scale, svc.Image)
	for _, dep := range svc.DependsOn {
		b.line("  needs %s: %s restart=%t required=%t", dep.Service, dep.Condition, dep.Restart, dep.Required)
	}
	if len(svc.Parents) > 0 {
		b.line("  joins %s", strings.Join(svc.Parents, ", "))
	}
	b.line("  canonical %s", svc.Canonical.Service)
	for _, key := range slices.Sorted(maps.Keys(svc.Canonical.Files)) {
		b.line("  canonical %s=%.12s...", key, svc.Canonical.Files[key])
	}
	for i, hook := range svc.PreStart() {
		b.line("  pre_start %d: per replica %t", i+1, hook.PerReplica)
		own := hook.Spec.Service
		b.line("    runs %q %q as %q", own.Entrypoint, own.Command, own.User)
		b.container("    ", hook.Spec)
	}
	for n := 1; n <= svc.Scale; n++ {
		b.line("  container %d:", n)
		b.container("    ", svc.Replica(n))
	}
}

func (b *text) container(indent string, spec engine.ContainerSpec) {
	b.line("%s%s from %s", indent, spec.Name, spec.Image)
	b.labels(indent, spec.Labels)
	for _, e := range spec.Networks {
		b.line("%snetwork %s aliases=%v mac=%q links=%v", indent, e.Network, e.Aliases, e.MacAddress, e.Links)
	}
	for _, mode := range []struct{ name, value string }{
		{"network_mode", spec.NetworkMode}, {"ipc", spec.IPCMode}, {"pid", spec.PIDMode},
		{"volumes_from", strings.Join(spec.VolumesFrom, " ")}, {"links", strings.Join(spec.Links, " ")},
	} {
		if mode.value != "" {
			b.line("%s%s %s", indent, mode.name, mode.value)
		}
	}
	b.distinct(spec)
	for _, m := range spec.Mounts {
		b.line("%smount %s %q at %s readonly=%t", indent, m.Type, m.Source, m.Target, m.ReadOnly)
	}
	for _, f := range spec.Files {
		b.line("%sfile %s %d:%d %o %q", indent, f.Target, f.UID, f.GID, f.Mode, f.Content)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Service.Environment)) {
		if v := spec.Service.Environment[name]; v != nil {
			b.line("%senv %s=%s", indent, name, *v)
		}
	}
}

// distinct sees that nothing is mounted or written over something else: an
// engine refuses two mounts at one place.
func (b *text) distinct(spec engine.ContainerSpec) {
	b.t.Helper()
	at := map[string]bool{}
	seen := func(target string) {
		if at[target] {
			b.t.Errorf("%s has two things at %s", spec.Name, target)
		}
		at[target] = true
	}
	for _, m := range spec.Mounts {
		seen(m.Target)
	}
	for _, f := range spec.Files {
		seen(f.Target)
	}
}
