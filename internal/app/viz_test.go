package app_test

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
)

func TestVizDrawsInEveryFormat(t *testing.T) {
	dir := writeFiles(t, "compose.yaml", "name: shop\nservices:\n  web: {image: nginx, depends_on: [db], ports: ['80:80']}\n  db: {image: postgres}\n  other: {image: x}\n")
	for _, c := range []struct {
		request     app.VizRequest
		has, hasNot []string
	}{
		{app.VizRequest{}, []string{`digraph "shop" {`, "\n\t\"web\" -> \"db\";\n"}, []string{"nginx", "Ports"}},
		{app.VizRequest{Format: "dot", Spaces: true, IndentationSize: 3}, []string{"\n   \"web\" -> \"db\";\n"}, []string{"\t"}},
		{app.VizRequest{Image: true, Ports: true, Networks: true, IndentationSize: 2}, []string{"nginx", "80:80/tcp", "default", "\n\t\t\"web\""}, nil},
		{app.VizRequest{Format: "mermaid"}, []string{"flowchart TD", "nginx", "|started|"}, nil},
		{app.VizRequest{Format: "text", Width: 60}, []string{"▶│ db", "nginx", "networks"}, nil},
		{app.VizRequest{Format: "text", Image: true}, []string{"nginx"}, []string{"networks", "80:80"}},
		{app.VizRequest{Format: "text", Services: []string{"web"}}, []string{"web", "db"}, []string{"other"}},
	} {
		out, err := newPublisher(t, dir, nil, nil).Viz(t.Context(), c.request)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.has {
			if !strings.Contains(string(out), want) {
				t.Errorf("%+v: no %q in\n%s", c.request, want, out)
			}
		}
		for _, bad := range c.hasNot {
			if strings.Contains(string(out), bad) {
				t.Errorf("%+v: %q in\n%s", c.request, bad, out)
			}
		}
	}
}

func TestVizRefusesWhatItCannotDraw(t *testing.T) {
	dir := writeFiles(t, "compose.yaml", "services: {web: {image: nginx}}\n")
	for _, r := range []app.VizRequest{{Format: "png"}, {IndentationSize: -1}, {Services: []string{"wep"}}} {
		if out, err := newPublisher(t, dir, nil, nil).Viz(t.Context(), r); err == nil {
			t.Errorf("%+v gives\n%s", r, out)
		}
	}
}
