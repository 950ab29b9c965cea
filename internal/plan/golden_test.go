package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/berth-dev/berth/internal/plan"
)

var update = flag.Bool("update", false, "write what the planner says into the golden files")

// Each file of testdata holds a case:
//
//	what it shows, in words
//	-- args --         the command: a verb and flags, see command
//	-- before.yaml --  the files that the project was brought up from; compose.yaml by default
//	-- actual.json --  what is otherwise than just after that; see world
//	-- compose.yaml -- the files as they are now
//	-- plan --         the plan as text
//
// Further sections are the files that configs and secrets name.
func TestPlansAreAsInTheGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			golden(t, path)
		})
	}
}

func golden(t *testing.T, path string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(strings.TrimSpace(string(archive.Comment))) == 0 {
		t.Errorf("%s does not say what it shows", path)
	}
	c := readCase(t, archive)
	p, err := c.plan()
	var got string
	if err != nil {
		got = "error: " + err.Error() + "\n"
	} else {
		got = whole(p)
		checkSound(t, c, p)
		checkRepeatable(t, c, p)
	}
	if *update {
		setFile(archive, "plan", got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := c.files["plan"]; got != want {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// whole is a plan's text with the containers it leaves alone, the anonymous
// volumes that go from container to container and how containers are joined to
// networks.
func whole(p *plan.Plan) string {
	text := p.String()
	nodes, err := p.Nodes()
	if err != nil {
		return err.Error()
	}
	for _, n := range nodes {
		switch op := n.Op.(type) {
		case plan.Connect:
			text += "endpoint: " + n.ID + " as " + strings.Join(op.Endpoint.Aliases, ", ")
			if c := op.Endpoint.Config; c != nil {
				text += " " + c.Ipv4Address
			}
			text += "\n"
		case plan.CreateContainer:
			for _, m := range op.Spec.Mounts {
				if len(m.Source) == 64 {
					text += "inherited: " + n.ID + " " + m.Source[:8] + " at " + m.Target + "\n"
				}
			}
		}
	}
	for _, ref := range p.Unchanged {
		text += "unchanged: " + ref.Name + "\n"
	}
	if text == "" {
		return "nothing to do\n"
	}
	return text
}

func setFile(archive *txtar.Archive, name, text string) {
	for i, f := range archive.Files {
		if f.Name == name {
			archive.Files[i].Data = []byte(text)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

// checkRepeatable plans again: the text and the fingerprint must be the same.
func checkRepeatable(t *testing.T, c *testCase, p *plan.Plan) {
	t.Helper()
	again, err := c.plan()
	if err != nil {
		t.Fatal(err)
	}
	if whole(again) != whole(p) {
		t.Errorf("a second plan differs:\n%s", whole(again))
	}
	one, err := p.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	other, err := again.Fingerprint()
	if err != nil || one != other {
		t.Errorf("the fingerprint of a second plan differs: %v", err)
	}
}
