package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// What the commands that write a project down in another form call.
type (
	drawer interface {
		Viz(context.Context, app.VizRequest) ([]byte, error)
	}
	generator interface {
		Generate(context.Context, app.GenerateRequest) ([]byte, error)
	}
)

// newAlpha holds what docker compose calls experimental.
func newAlpha(s *session) *cobra.Command {
	cmd := s.command(groupOther, &cobra.Command{
		Use:               "alpha COMMAND",
		Short:             "Commands that docker compose calls experimental",
		Long:              "Commands that docker compose calls experimental. berth has them without this word as well.",
		Example:           "  berth alpha viz",
		Hidden:            true,
		ValidArgsFunction: cobra.NoFileCompletions,
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
	viz, generate := newViz(s, "dot", nil), newGenerate(s, nil)
	viz.GroupID, generate.GroupID = "", ""
	cmd.AddCommand(viz, generate)
	return cmd
}

// newViz makes viz. The default of its format is the one given; without one it
// is drawn for people on a terminal, and written in DOT elsewhere.
func newViz(s *session, format string, runF run[app.VizRequest]) *cobra.Command {
	var r app.VizRequest
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "viz [OPTIONS] [SERVICE...]",
		Short: "Draw the graph of services",
		Long: `Draw which service depends on which, and on what condition: as text, in DOT, which
Graphviz draws, or in Mermaid. The default is text on a terminal, else DOT.`,
		Example: `  berth viz
  berth viz --format mermaid > docs/services.mmd
  berth viz --networks --ports | dot -Tsvg > services.svg`,
	})
	flags := cmd.Flags()
	flags.StringVar(&r.Format, "format", format, "Format of the output: text, dot or mermaid")
	flags.BoolVar(&r.Image, "image", false, "Show the images of services")
	flags.BoolVar(&r.Networks, "networks", false, "Show the networks of services")
	flags.BoolVar(&r.Ports, "ports", false, "Show the published ports of services")
	flags.BoolVar(&r.Volumes, "volumes", false, "Show the volumes of services")
	flags.BoolVar(&r.Spaces, "spaces", false, "Indent DOT with spaces, not tabs")
	flags.IntVar(&r.IndentationSize, "indentation-size", 1, "Tabs or spaces to indent DOT with")

	runF = runF.or(shown(s, "viz", runViz))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd, "--format", r.Format, "text", "dot", "mermaid"); err != nil {
			return err
		}
		t, err := s.term()
		if err != nil {
			return err
		}
		r.Project, r.Services = s.project(), args
		if r.Format == "" && t.OutTTY {
			r.Format = "text"
		}
		if t.OutTTY && t.Width != nil {
			r.Width = t.Width()
		}
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runViz(ctx context.Context, s *session, use drawer, r app.VizRequest) error {
	drawing, err := use.Viz(ctx, r)
	if err != nil {
		return err
	}
	return s.print(string(drawing))
}

func newGenerate(s *session, runF run[app.GenerateRequest]) *cobra.Command {
	var r app.GenerateRequest
	cmd := s.command(groupOther, &cobra.Command{
		Use:   "generate [OPTIONS] [CONTAINER...]",
		Short: "Write a Compose file that describes containers",
		Long: `Write a Compose file that makes containers like those given, or like all that run.
They need not belong to a project.`,
		Example: `  berth generate web db > compose.yaml
  berth generate --format json --name shop`,
		ValidArgsFunction: s.completeContainers,
	})
	flags := cmd.Flags()
	flags.StringVar(&r.Format, "format", "yaml", "Format of the output: yaml or json")
	flags.StringVar(&r.Name, "name", "", "Name of the project (default: the one the containers share)")
	flags.String("project-dir", "", "Accepted for the sake of old scripts; has no effect")
	hide(flags, "project-dir")

	runF = runF.or(shown(s, "generate", runGenerate))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd, "--format", r.Format, "yaml", "json"); err != nil {
			return err
		}
		r.Containers = args
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runGenerate(ctx context.Context, s *session, use generator, r app.GenerateRequest) error {
	text, err := use.Generate(ctx, r)
	if err != nil {
		return err
	}
	return s.print(string(text))
}
