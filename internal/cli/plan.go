package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// planner works out what up would do.
type planner interface {
	Plan(context.Context, app.UpRequest) (app.PlanResult, error)
}

// planOptions are the flags of plan.
type planOptions struct {
	app.UpRequest
	Format string
	Out    string // the file to save the plan to; empty for none
}

func newPlan(s *session, runF run[planOptions]) *cobra.Command {
	var (
		o     planOptions
		scale []string
	)
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "plan [OPTIONS] [SERVICE...]",
		Short: "Show what up would do, and why",
		Long: `Show what up with the same options would do, and why, field by field. Nothing is
changed, and no request is sent that could.

The exit code is 0 when there is nothing to do, 2 when there is, and 1 when the
plan cannot be made or carried out.`,
		Example: `  berth plan
  berth plan --format json web
  berth plan --out plan.json && berth up -d --plan plan.json`,
	})
	flags := cmd.Flags()
	addCreateFlags(flags, &o.UpRequest, &scale)
	flags.BoolVar(&o.NoDeps, "no-deps", false, "Leave the services it depends on alone")
	flags.BoolVar(&o.NoStart, "no-start", false, "Create the containers but do not start them")
	flags.BoolVar(&o.AlwaysRecreateDeps, "always-recreate-deps", false, "Recreate the services it depends on as well")
	flags.BoolVarP(&o.RenewAnonVolumes, "renew-anon-volumes", "V", false, "Give replaced containers new anonymous volumes")
	addTakeOver(flags, &o.TakeOver)
	addStrict(flags, &o.Strict)
	flags.StringVar(&o.Format, "format", "text", "Format of the output: text or json")
	flags.StringVarP(&o.Out, "out", "o", "", "Save the plan to this file, for up --plan")

	runF = runF.or(shown(s, "plan", runPlan))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Services = args
		if err := oneOf(cmd, "--format", o.Format, "text", "json"); err != nil {
			return err
		}
		if err := s.completeUp(cmd, &o.UpRequest, scale); err != nil {
			return err
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runPlan(ctx context.Context, s *session, use planner, o planOptions) error {
	p, err := use.Plan(ctx, o.UpRequest)
	if err != nil {
		return err
	}
	if o.Out != "" {
		path, err := s.absolute(o.Out)
		if err != nil {
			return err
		}
		if err := app.WritePlan(path, p); err != nil {
			return err
		}
	}
	if err := showPlan(s, p, o.Format == "json"); err != nil {
		return err
	}
	switch {
	case len(p.Problems) > 0:
		return errors.New(strings.Join(p.Problems, "\n"))
	case p.Changes:
		return &statusError{code: codeChanges}
	}
	return nil
}

// planRows are the steps that people want to see: those that stand for
// themselves and change something, and the checks between the steps of an update.
func planRows(p app.PlanResult) []ui.PlanRow {
	var rows []ui.PlanRow
	for _, step := range p.Steps {
		if step.Action == "wait" && strings.HasPrefix(step.Cause, "update_config") {
			rows = append(rows, ui.PlanRow{Action: ui.PlanCheck, Resource: step.Resource, Name: step.Service, Cause: step.Cause})
			continue
		}
		if step.Part || slices.Contains([]string{"wait", "copy-files", "post_start", "pre_stop"}, step.Action) {
			continue
		}
		rows = append(rows, ui.PlanRow{
			Action: step.Action, Resource: step.Resource, Name: step.Name, Cause: step.Cause, Changes: step.Changes,
			Repeat: step.Repeat,
		})
	}
	return rows
}

// showPlan prints a plan.
func showPlan(s *session, p app.PlanResult, asJSON bool) error {
	t, err := s.term()
	if err != nil {
		return err
	}
	if asJSON {
		return ui.JSON(t, p)
	}
	rows := planRows(p)
	if err := ui.Plan(t, rows, ui.PlanOptions{Unchanged: len(p.Same)}); err != nil {
		return err
	}
	for _, w := range p.Warnings {
		s.warn(w)
	}
	for _, question := range p.Consents {
		s.warn("up will ask: " + question)
	}
	return nil
}
