package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// eventSource tells what happens to a project's containers.
type eventSource interface {
	Events(context.Context, app.EventsRequest, func(app.EventRow) error) error
}

// eventsOptions are the flags of events.
type eventsOptions struct {
	app.EventsRequest
	JSON bool
}

func newEvents(s *session, runF run[eventsOptions]) *cobra.Command {
	var o eventsOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "events [OPTIONS] [SERVICE...]",
		Short: "Show what happens to containers, as it happens",
		Long: `Show what the engine reports about the containers of services, as it happens.
With --until the events end then. Times are written as for logs.`,
		Example: `  berth events --json web
  berth events --since 10m --until 0s`,
	})
	flags := cmd.Flags()
	flags.BoolVar(&o.JSON, "json", false, "Show each event as a JSON object on a line")
	flags.StringVar(&o.Since, "since", "", "Begin with the events from this time on")
	flags.StringVar(&o.Until, "until", "", "End with the events of this time")

	runF = runF.or(shown(s, "events", runEvents))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.Services = s.project(), args
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runEvents(ctx context.Context, s *session, use eventSource, o eventsOptions) error {
	t, err := s.term()
	if err != nil {
		return err
	}
	return use.Events(ctx, o.EventsRequest, func(e app.EventRow) error {
		return ui.Event(t, ui.EventRow{Event: e.Event, Service: e.Service}, o.JSON)
	})
}
