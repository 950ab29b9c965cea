package plan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/berth-dev/berth/internal/plan"
)

// documented is where the JSON form of plans is described.
var documented = filepath.Join("..", "..", "docs", "plan.schema.json")

// everyGolden calls f with each golden case's plan.
func everyGolden(t *testing.T, f func(name string, p *plan.Plan)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := readCase(t, archive).plan(); err == nil {
			f(filepath.Base(path), p)
		}
	}
}

func TestEveryStepOfEveryGoldenFitsTheDocumentedSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(documented + "#/$defs/step")
	if err != nil {
		t.Fatal(err)
	}
	everyGolden(t, func(name string, p *plan.Plan) {
		steps, err := p.Steps()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
		}
	})
}

// elsewhere are the documented actions that no planner makes: images are seen
// to before there is a plan.
var elsewhere = []string{"pull", "build"}

func TestEveryDocumentedActionHasAGoldenAndEveryActionIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, action := range elsewhere {
		seen[action] = true
	}
	everyGolden(t, func(_ string, p *plan.Plan) {
		steps, err := p.Steps()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			seen[s.Action] = true
		}
	})
	want := schemaActions(t)
	for _, action := range want {
		if !seen[action] {
			t.Errorf("no golden plan has the action %s", action)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := actionRow(t, string(text))
	for action := range seen {
		if !slices.Contains(want, action) {
			t.Errorf("the schema does not know the action %s", action)
		}
		if !strings.Contains(row, "`"+action+"`") {
			t.Errorf("docs/plan.md does not tell of the action %s", action)
		}
	}
}

// schemaActions are the actions that the schema allows.
func schemaActions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(documented)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Step struct {
				Properties struct {
					Action struct{ Enum []string }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if len(schema.Defs.Step.Properties.Action.Enum) == 0 {
		t.Fatal("the schema lists no actions")
	}
	return schema.Defs.Step.Properties.Action.Enum
}

// actionRow is the line of docs/plan.md that lists the actions.
func actionRow(t *testing.T, text string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `action` |") {
			return line
		}
	}
	t.Fatal("docs/plan.md has no row for the actions")
	return ""
}

func TestEveryKindOfOperationHasAGolden(t *testing.T) {
	seen := map[string]bool{}
	everyGolden(t, func(_ string, p *plan.Plan) {
		nodes, err := p.Nodes()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			seen[fmt.Sprintf("%T", n.Op)] = true
		}
	})
	for _, op := range []plan.Operation{
		plan.CreateNetwork{}, plan.RemoveNetwork{}, plan.Connect{}, plan.Disconnect{}, plan.CreateVolume{}, plan.RemoveVolume{},
		plan.CreateContainer{}, plan.CopyFiles{}, plan.Start{}, plan.Stop{}, plan.Restart{}, plan.Kill{}, plan.Pause{}, plan.Unpause{},
		plan.Remove{}, plan.Rename{}, plan.Hook{}, plan.Wait{}, plan.RemoveImage{}, plan.Provide{},
	} {
		if !seen[fmt.Sprintf("%T", op)] {
			t.Errorf("no golden plan has a %T", op)
		}
	}
}

func TestWhatIsDoneToAVolumeIsNoPartOfAReplacement(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/up-volume-changed-consented.txtar")
	if err != nil {
		t.Fatal(err)
	}
	p, err := readCase(t, archive).plan()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := p.Steps()
	if err != nil {
		t.Fatal(err)
	}
	removed := slices.IndexFunc(steps, func(s plan.Step) bool { return s.Resource == "volume" && s.Action == "remove" })
	if removed < 0 || steps[removed].Part {
		t.Errorf("the removal of the volume is not told of: %+v", steps)
	}
}
