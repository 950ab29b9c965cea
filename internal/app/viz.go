package app

import (
	"context"
	"strings"

	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/viz"
)

// VizRequest asks for a drawing of a project.
type VizRequest struct {
	Project  ProjectOptions
	Services []string // only these and what they need; empty for all
	Format   string   // dot (also ""), mermaid or text

	// Image, Networks, Ports and Volumes say what is shown of a service. Text and
	// Mermaid show all of it where none is set.
	Image, Networks, Ports, Volumes bool
	// Spaces indents DOT with spaces instead of tabs, IndentationSize says how
	// many (0: one).
	Spaces          bool
	IndentationSize int
	Width           int // columns of the terminal, for text; 0: as many as it takes
}

// Viz draws the project: which service needs which, on what condition.
func (a *App) Viz(ctx context.Context, r VizRequest) ([]byte, error) {
	switch r.Format {
	case "", "dot", "mermaid", "text":
	default:
		return nil, &UsageError{Text: "--format " + r.Format + ": there are dot, mermaid and text"}
	}
	if r.IndentationSize < 0 {
		return nil, &UsageError{Text: "--indentation-size: must not be negative"}
	}
	opt := a.options(r.Project)
	opt.Services = r.Services
	loaded, err := project.Load(ctx, opt)
	if err != nil {
		return nil, err
	}
	a.warn(loaded.Warnings...)
	details := viz.Details{Image: r.Image, Ports: r.Ports, Networks: r.Networks, Volumes: r.Volumes}
	if details == (viz.Details{}) && (r.Format == "mermaid" || r.Format == "text") {
		details = viz.Details{Image: true, Ports: true, Networks: true, Volumes: true}
	}
	switch r.Format {
	case "mermaid":
		return viz.Mermaid(loaded.Project, details), nil
	case "text":
		return viz.Text(loaded.Project, details, r.Width), nil
	}
	indent := "\t"
	if r.Spaces {
		indent = " "
	}
	return viz.DOT(loaded.Project, details, strings.Repeat(indent, max(r.IndentationSize, 1))), nil
}
