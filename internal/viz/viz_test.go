package viz_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/mattn/go-runewidth"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/viz"
)

// all shows everything.
func all() viz.Details { return viz.Details{Image: true, Ports: true, Networks: true, Volumes: true} }

func load(t *testing.T, text []byte) *types.Project {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := project.Load(t.Context(), project.Options{WorkDir: dir, ProjectName: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Project
}

// TestDrawingsAreAsGolden compares each testdata/*.txtar: compose.yaml and what
// is drawn of it. UPDATE=1 writes them anew.
func TestDrawingsAreAsGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p := load(t, archive.Files[0].Data)
			got := []txtar.File{
				{Name: "dot", Data: viz.DOT(p, viz.Details{}, "\t")},
				{Name: "dot all", Data: viz.DOT(p, all(), "  ")},
				{Name: "mermaid", Data: viz.Mermaid(p, all())},
				{Name: "text", Data: viz.Text(p, all(), 0)},
				{Name: "text narrow", Data: viz.Text(p, all(), 48)},
				{Name: "text plain", Data: viz.Text(p, viz.Details{}, 80)},
			}
			if os.Getenv("UPDATE") != "" {
				archive.Files = append(archive.Files[:1], got...)
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			for i, f := range got {
				if len(archive.Files) != len(got)+1 || string(archive.Files[i+1].Data) != string(f.Data) {
					t.Errorf("%s is\n%s", f.Name, f.Data)
				}
			}
		})
	}
}

func TestTextKeepsToTheWidth(t *testing.T) {
	text := "services:\n  a: {image: " + strings.Repeat("long/", 20) + "x, depends_on: [b], volumes: ['" + strings.Repeat("v", 90) + ":/x']}\n  b: {image: x}\nvolumes: {" + strings.Repeat("v", 90) + ": {}}\n"
	p := load(t, []byte(text))
	for _, width := range []int{40, 60, 100, 200} {
		for _, line := range strings.Split(string(viz.Text(p, all(), width)), "\n") {
			if n := runewidth.StringWidth(line); n > width {
				t.Errorf("%d columns instead of %d: %s", n, width, line)
			}
		}
	}
}

func TestNothingInNamesEscapesTheForm(t *testing.T) {
	evil := "x\"];\n</b>|#<&\x1b[31m\\"
	s := types.ServiceConfig{Name: "web"}
	s.Image, s.Ports = evil, []types.ServicePortConfig{{Target: 80, Protocol: "tcp", HostIP: evil}}
	p := &types.Project{Name: evil, Services: types.Services{"web": s}, Volumes: types.Volumes{evil: {}}}
	for name, out := range map[string]string{
		"dot": string(viz.DOT(p, all(), " ")), "mermaid": string(viz.Mermaid(p, all())), "text": string(viz.Text(p, all(), 80)),
	} {
		if strings.Contains(out, "\x1b") || strings.Contains(out, "x\"]") && !strings.Contains(out, `x\"]`) && name != "text" {
			t.Errorf("%s lets through\n%s", name, out)
		}
	}
	p.Name = "plain"
	if strings.Contains(string(viz.DOT(p, all(), " ")), "</b>|") {
		t.Error("markup is not escaped")
	}
}

func TestCircleIsDrawnAllTheSame(t *testing.T) {
	one := func(name, needs string) types.ServiceConfig {
		s := types.ServiceConfig{Name: name}
		s.DependsOn = types.DependsOnConfig{needs: {Required: true}}
		return s
	}
	p := &types.Project{Services: types.Services{"a": one("a", "b"), "b": one("b", "a")}}
	if out := string(viz.Text(p, viz.Details{}, 80)); !strings.Contains(out, "│ a") || !strings.Contains(out, "│ b") {
		t.Error(out)
	}
}

func TestGraphvizUnderstandsTheDOT(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("needs the program dot (package graphviz)")
	}
	p := load(t, []byte("services:\n  a: {image: 'x', depends_on: [b], ports: ['80:80']}\n  b: {image: y}\n"))
	command := exec.CommandContext(t.Context(), dot, "-Tsvg")
	command.Stdin = strings.NewReader(string(viz.DOT(p, all(), "\t")))
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
