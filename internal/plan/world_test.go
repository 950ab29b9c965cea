package plan_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// folder is where the Compose files of all cases are said to lie.
const folder = "/project"

// world is what the engine has, as far as it differs from what bringing up
// before.yaml leaves. A field that is missing means: as that leaves it.
type world struct {
	Containers *[]container       `json:"containers"`
	Networks   *[]network         `json:"networks"`
	Volumes    *[]volume          `json:"volumes"`
	Images     map[string]string  `json:"images"` // identities by reference; empty means unknown
	Change     map[string]partial `json:"change"` // of single containers, by name
	Also       []container        `json:"also"`   // containers beside those
	// Started is when containers were last started, by name, in seconds.
	Started map[string]int64 `json:"started"`
}

// partial is what is otherwise about a container.
type partial struct {
	State   engine.State  `json:"state"`
	Health  engine.Health `json:"health"`
	Exit    int           `json:"exit"`
	Name    string        `json:"name"`
	Gone    bool          `json:"gone"`
	Off     []string      `json:"off"`    // networks it is not on
	On      []string      `json:"on"`     // networks it is on beside its own
	Joined  string        `json:"joined"` // network mode
	ImageID string        `json:"image_id"`
	// By is who made it: berth, compose (no labels of berth's), and with
	// "compose-other" a config hash that differs as well.
	By     string            `json:"by"`
	Labels map[string]string `json:"labels"`
	Mounts []engine.Mount    `json:"mounts"`
	// Differs are what an inspection shows, for containers by compose-other.
	Differs []engine.Change `json:"differs"`
}

// container is a container in full.
type container struct {
	ID      string `json:"id"`
	Service string `json:"service"`
	Number  int    `json:"n"`
	// Of is the file that gives its labels: before (the default) or compose.
	Of string `json:"of"`
	// Created is in seconds.
	Created int64 `json:"created"`
	partial
}

type network struct {
	Name   string            `json:"name"`
	ID     string            `json:"id"`
	Labels map[string]string `json:"labels"`
	Driver string            `json:"driver"`
}

type volume struct {
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels"`
	Driver  string            `json:"driver"`
	Options map[string]string `json:"options"`
}

// testCase is one golden file, read.
type testCase struct {
	files   map[string]string
	args    []string
	project *types.Project
	desired *desired.State
	actual  *actual.State
	adopted map[string][]engine.Change
	started map[string]time.Time
}

func readCase(t *testing.T, archive *txtar.Archive) *testCase {
	t.Helper()
	c := &testCase{files: map[string]string{}, adopted: map[string][]engine.Change{}, started: map[string]time.Time{}}
	for _, f := range archive.Files {
		c.files[f.Name] = string(f.Data)
	}
	c.args = strings.Fields(c.files["args"])
	if len(c.args) == 0 {
		t.Fatal("the case has no args")
	}
	var w world
	if text := c.files["actual.json"]; text != "" {
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&w); err != nil {
			t.Fatalf("actual.json: %v", err)
		}
	}
	c.project = c.load(t, "compose.yaml")
	c.desired = c.desire(t, c.project, w.Images)
	before := c.desired
	if c.files["before.yaml"] != "" {
		before = c.desire(t, c.load(t, "before.yaml"), nil)
	} else if w.Images != nil {
		before = c.desire(t, c.project, nil)
	}
	c.actual = c.see(t, w, before)
	c.time(w.Started)
	return c
}

// time says when containers were started, of those that the planner asks about.
func (c *testCase) time(started map[string]int64) {
	asked := plan.SharesNamespaces(c.desired, c.actual)
	for _, k := range c.actual.Containers {
		if at, ok := started[k.Name]; ok && slices.Contains(asked, k.ID) {
			c.started[k.ID] = time.Unix(at, 0)
		}
	}
}

func (c *testCase) load(t *testing.T, name string) *types.Project {
	t.Helper()
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: folder, ConfigFiles: []types.ConfigFile{{Filename: folder + "/compose.yaml", Content: []byte(c.files[name])}},
		Environment: types.Mapping{"HOME": "/home/user"},
	}, func(o *loader.Options) { o.SetProjectName("app", true); o.Profiles = c.values("--profile") })
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if names := c.services(); len(names) > 0 && name == "compose.yaml" && c.args[0] == "up" {
		if p, err = p.WithSelectedServices(names); err != nil {
			t.Fatal(err)
		}
	}
	if c.args[0] == "up" {
		for _, s := range c.values("--scale") {
			c.scale(t, p, s, name)
		}
	}
	return p
}

func (c *testCase) scale(t *testing.T, p *types.Project, s, file string) {
	t.Helper()
	service, text, _ := strings.Cut(s, "=")
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	if svc, ok := p.Services[service]; ok && file == "compose.yaml" {
		svc.SetScale(n)
		p.Services[service] = svc
	}
}

func imageID(ref string) string {
	sum := sha256.Sum256([]byte("image " + ref))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (c *testCase) desire(t *testing.T, p *types.Project, images map[string]string) *desired.State {
	t.Helper()
	opt := desired.Options{Version: "test", ConfigFiles: []string{folder + "/compose.yaml"}, Images: map[string]engine.Image{}}
	for _, svc := range p.Services {
		refs := []string{desired.ImageName(p, svc, "-")}
		for _, v := range svc.Volumes {
			if v.Type == types.VolumeTypeImage {
				refs = append(refs, v.Source)
			}
		}
		for _, ref := range refs {
			id := imageID(ref)
			if other, ok := images[ref]; ok {
				id = other
			}
			opt.Images[ref] = engine.Image{ID: id}
		}
	}
	opt.Contents.Configs, opt.Contents.Secrets = map[string][]byte{}, map[string][]byte{}
	for key, o := range p.Configs {
		c.content(opt.Contents.Configs, key, types.FileObjectConfig(o))
	}
	for key, o := range p.Secrets {
		c.content(opt.Contents.Secrets, key, types.FileObjectConfig(o))
	}
	d, err := desired.Build(p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (c *testCase) content(into map[string][]byte, key string, o types.FileObjectConfig) {
	switch {
	case bool(o.External):
	case o.File != "":
		into[key] = []byte(c.files[path.Base(o.File)])
	default:
		into[key] = []byte(o.Content)
	}
}

// see makes the snapshot.
func (c *testCase) see(t *testing.T, w world, before *desired.State) *actual.State {
	t.Helper()
	a := &actual.State{Project: "app", Networks: map[string]engine.Network{}, Volumes: map[string]engine.Volume{}}
	if w.Containers != nil {
		w.Also = append(*w.Containers, w.Also...)
	} else {
		for _, svc := range before.Services {
			for n := 1; n <= svc.Scale && svc.Config.Provider == nil; n++ {
				a.Containers = append(a.Containers, c.running(before, svc, n))
			}
		}
	}
	for _, also := range w.Also {
		a.Containers = append(a.Containers, c.also(t, before, also))
	}
	for i, k := range a.Containers {
		if change, ok := w.Change[k.Name]; ok {
			c.change(t, &a.Containers[i], change)
			delete(w.Change, k.Name)
		}
	}
	for name := range w.Change {
		t.Errorf("actual.json changes %s, which is not there", name)
	}
	a.Containers = slices.DeleteFunc(a.Containers, func(k engine.Container) bool { return k.State == "gone" })
	c.seeNetworks(w, before, a)
	c.seeVolumes(w, before, a)
	sort.SliceStable(a.Containers, func(i, j int) bool {
		x, y := a.Containers[i], a.Containers[j]
		if x.Labels[labels.Service] != y.Labels[labels.Service] {
			return x.Labels[labels.Service] < y.Labels[labels.Service]
		}
		return labels.ReplicaNumber(x.Labels) < labels.ReplicaNumber(y.Labels)
	})
	return a
}

// running is the n-th container of a service as up leaves it.
func (c *testCase) running(d *desired.State, svc desired.Service, n int) engine.Container {
	spec := svc.Replica(n)
	k := engine.Container{
		ID: fullID(spec.Name), Name: spec.Name, Image: spec.Image, ImageID: svc.ImageID, State: engine.Running,
		Labels: spec.Labels, Networks: map[string]engine.Attachment{}, NetworkMode: spec.NetworkMode,
	}
	if h := svc.Config.HealthCheck; h != nil && !h.Disable {
		k.Health = engine.Healthy
	}
	for _, p := range svc.Config.Ports {
		first, _, isRange := strings.Cut(p.Published, "-")
		if host, err := strconv.Atoi(first); err == nil {
			if isRange {
				host += n - 1
			}
			k.Ports = append(k.Ports, engine.Port{HostIP: p.HostIP, Published: host, Target: int(p.Target), Protocol: p.Protocol})
		}
	}
	if parent, ok := strings.CutPrefix(spec.NetworkMode, "service:"); ok {
		if on, ok := d.Service(parent); ok {
			k.NetworkMode = "container:" + fullID(on.ContainerName("app", 1))
		}
	}
	if len(svc.Parents) > 0 {
		var list []string
		for _, parent := range svc.Parents {
			if on, ok := d.Service(parent); ok {
				list = append(list, parent+"="+fullID(on.ContainerName("app", 1)))
			}
		}
		k.Labels[labels.Parents] = strings.Join(list, ",")
	}
	for _, e := range spec.Networks {
		k.Networks[e.Network] = engine.Attachment{NetworkID: fullID("network " + e.Network)}
	}
	for _, m := range spec.Mounts {
		mount := engine.Mount{Type: m.Type, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly}
		if m.Type == "volume" {
			mount.Name = m.Source
			if m.Source == "" {
				mount.Name = fullID("anonymous " + spec.Name + m.Target)
			}
		}
		k.Mounts = append(k.Mounts, mount)
	}
	return k
}

// fullID makes an ID of 64 hex digits up from a name.
func fullID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (c *testCase) also(t *testing.T, before *desired.State, also container) engine.Container {
	t.Helper()
	from := before
	if also.Of == "compose" {
		from = c.desired
	}
	svc, ok := from.Service(also.Service)
	var k engine.Container
	if ok {
		k = c.running(from, svc, also.Number)
	} else {
		k = engine.Container{
			Name: fmt.Sprintf("app-%s-%d", also.Service, also.Number), State: engine.Running,
			Labels: map[string]string{
				labels.Project: "app", labels.Service: also.Service, labels.Number: fmt.Sprint(also.Number), labels.OneOff: labels.False,
			},
		}
	}
	k.ID = fullID(k.Name)
	if also.ID != "" {
		k.ID = also.ID + strings.Repeat("0", 64-len(also.ID))
	}
	k.Created = time.Unix(also.Created, 0)
	c.change(t, &k, also.partial)
	return k
}

func (c *testCase) change(t *testing.T, k *engine.Container, p partial) {
	t.Helper()
	k.Labels = maps.Clone(k.Labels)
	if p.State != "" {
		k.State, k.Health = p.State, ""
	}
	if p.State == engine.Created { // it has not joined its networks yet
		for name := range k.Networks {
			k.Networks[name] = engine.Attachment{}
		}
	}
	if p.Health != "" {
		k.Health = p.Health
	}
	if p.Gone {
		k.State = "gone"
	}
	if p.Joined != "" {
		k.NetworkMode = p.Joined
	}
	if p.ImageID != "" {
		k.ImageID = p.ImageID
		k.Labels[labels.Image] = p.ImageID
	}
	k.ExitCode = p.Exit
	k.Mounts = append(k.Mounts, p.Mounts...)
	for _, name := range p.On {
		k.Networks[name] = engine.Attachment{NetworkID: fullID("network " + name)}
	}
	for _, name := range p.Off {
		delete(k.Networks, name)
	}
	switch p.By {
	case "", "berth":
	case "compose", "compose-other":
		delete(k.Labels, labels.Spec)
		if p.By == "compose-other" {
			k.Labels[labels.ConfigHash] = "another"
			c.adopted[k.ID] = p.Differs
		}
	default:
		t.Fatalf("made by %q", p.By)
	}
	maps.Copy(k.Labels, p.Labels)
	if p.Name != "" {
		k.Name = p.Name
	}
}

func (c *testCase) seeNetworks(w world, before *desired.State, a *actual.State) {
	var list []network
	if w.Networks != nil {
		list = *w.Networks
	} else {
		for _, n := range before.Networks {
			list = append(list, network{Name: n.Spec.Name})
		}
	}
	for _, n := range list {
		have := engine.Network{ID: fullID("network " + n.Name), Name: n.Name, Driver: "bridge", Labels: map[string]string{}}
		for _, d := range before.Networks {
			if d.Spec.Name == n.Name && !d.External {
				have.Labels = maps.Clone(d.Spec.Labels)
				have.Internal, have.Attachable = d.Spec.Config.Internal, d.Spec.Config.Attachable
				have.Options = d.Spec.Config.DriverOpts
				have.IPAM = d.Spec.Config.Ipam
			}
		}
		if n.Labels != nil {
			have.Labels = n.Labels
		}
		if n.Driver != "" {
			have.Driver = n.Driver
		}
		if n.ID != "" {
			have.ID = n.ID
		}
		a.Networks[n.Name] = have
	}
}

func (c *testCase) seeVolumes(w world, before *desired.State, a *actual.State) {
	var list []volume
	if w.Volumes != nil {
		list = *w.Volumes
	} else {
		for _, v := range before.Volumes {
			list = append(list, volume{Name: v.Spec.Name})
		}
	}
	for _, v := range list {
		have := engine.Volume{Name: v.Name, Driver: "local", Labels: map[string]string{}, Options: v.Options}
		for _, d := range before.Volumes {
			if d.Spec.Name == v.Name && !d.External {
				have.Labels = maps.Clone(d.Spec.Labels)
				if v.Options == nil {
					have.Options = d.Spec.Config.DriverOpts
				}
			}
		}
		if v.Labels != nil {
			have.Labels = v.Labels
		}
		a.Volumes[v.Name] = have
	}
}
