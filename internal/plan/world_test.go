package plan_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
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
