package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/ui"
)

// logger reads the output of containers.
type logger interface {
	Logs(context.Context, app.LogsRequest, logs.Sink) error
}

// logsOptions are the flags of logs.
type logsOptions struct {
	app.LogsRequest
	logView
	Format string
}

// logView says how lines of containers look.
type logView struct {
	NoColor  bool
	NoPrefix bool
	Stamps   bool
	JSON     bool
	Together bool // both streams on standard output
}

func newLogs(s *session, runF run[logsOptions]) *cobra.Command {
	var (
		o     logsOptions
		apart bool
	)
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "logs [OPTIONS] [SERVICE...]",
		Short: "Show the output of containers",
		Long: `Show what the containers of services have written, merged by time. With --follow
new lines are shown as they come, also of containers that are restarted,
replaced or added meanwhile.

What they wrote to standard error is shown on standard output too, so that a pipe
gets all of it; --separate-stderr keeps the streams apart.

Times are durations before now (10m), dates (2026-01-02T15:04:05, with or without
a zone) or unix seconds.`,
		Example: `  berth logs -f --tail 20
  berth logs --since 10m web worker
  berth logs db | grep ready
  berth logs --format json db
  berth logs --output-dir ./logs      a file for each container`,
	})
	flags := cmd.Flags()
	flags.BoolVarP(&o.Follow, "follow", "f", false, "Go on with new lines as they come")
	flags.IntVar(&o.Index, "index", 0, "Number of the container, where the service has several")
	flags.StringVar(&o.Since, "since", "", "Only lines from this time on")
	flags.StringVar(&o.Until, "until", "", "Only lines up to this time")
	flags.StringVarP(&o.Tail, "tail", "n", "all", "Number of lines to show from the end of each log")
	flags.StringVar(&o.OutputDir, "output-dir", "", "Write a file for each container into this folder and show nothing")
	flags.StringVar(&o.Format, "format", "text", "Format of the output: text, or json with one object per line")
	flags.BoolVar(&apart, "separate-stderr", false, "Write what containers wrote to stderr to stderr")
	addLogView(flags, &o.logView)
	flags.BoolVarP(&o.Stamps, "timestamps", "t", false, "Show the time of each line")

	runF = runF.or(shown(s, "logs", runLogs))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd, "--format", o.Format, "text", "json"); err != nil {
			return err
		}
		if o.Index > 0 && len(args) != 1 {
			return conflict(cmd, "--index requires one service to be selected")
		}
		o.Index = max(o.Index, 0) // to docker compose, too, no number below 1 selects anything
		o.JSON, o.Together = o.Format == "json", !apart
		o.Timestamps = o.Stamps
		o.Project, o.Services = s.project(), args
		return runF(cmd.Context(), o)
	}
	return cmd
}

// addLogView adds what logs and up have in common.
func addLogView(flags *pflag.FlagSet, v *logView) {
	flags.BoolVar(&v.NoColor, "no-color", false, "Show lines without colours")
	flags.BoolVar(&v.NoPrefix, "no-log-prefix", false, "Show lines without the name of their container")
}

func runLogs(ctx context.Context, s *session, use logger, o logsOptions) error {
	sink, err := s.logSink(o)
	if err != nil {
		return err
	}
	err = use.Logs(ctx, o.LogsRequest, sink)
	if closeErr := sink.Close(); err == nil {
		err = closeErr
	}
	return err
}

// closableSink is a sink that has to be closed.
type closableSink interface {
	logs.Sink
	Close() error
}

// logSink is where lines go: to the terminal, or to a file for each container.
func (s *session) logSink(o logsOptions) (closableSink, error) {
	if o.OutputDir == "" {
		return s.logPrinter(o.logView)
	}
	dir, err := s.absolute(o.OutputDir)
	if err != nil {
		return nil, err
	}
	return logs.Files(dir, func(w io.Writer) logs.Sink {
		if o.JSON {
			return logs.JSON(w)
		}
		return logs.Text(w, o.Stamps)
	})
}

// logPrinter shows lines of containers on the terminal.
type logPrinter struct {
	*ui.LogPrinter
	warn func(string)
}

func (s *session) logPrinter(v logView) (*logPrinter, error) {
	t, err := s.term()
	if err != nil {
		return nil, err
	}
	return &logPrinter{
		LogPrinter: ui.NewLogPrinter(t, ui.LogPrinterOptions{
			NoPrefix: v.NoPrefix, NoColor: v.NoColor, Timestamps: v.Stamps, JSON: v.JSON, Together: v.Together,
		}),
		warn: s.warn,
	}, nil
}

// Announce aligns the names of the containers that there may be lines of.
func (p *logPrinter) Announce(sources []logs.Source) {
	for _, source := range sources {
		p.Expect(source.Display, source.Service)
	}
}

// attaching names the containers whose output follows. A terminal that has
// gone shows itself at the first line.
func (p *logPrinter) attaching(sources []logs.Source) {
	names := make([]string, len(sources))
	p.Announce(sources)
	for i, source := range sources {
		names[i] = source.Display
	}
	if len(names) > 0 {
		_ = p.Attaching(names)
	}
}

// Line prints a line.
func (p *logPrinter) Line(l logs.Line) error {
	stream := ui.Stdout
	if l.Stream == logs.Stderr {
		stream = ui.Stderr
	}
	return p.Print(ui.LogLine{
		Name: l.Display, Service: l.Service, Container: l.Container, Number: l.Number,
		Stream: stream, Time: l.Time, Text: l.Text, Partial: l.Partial,
	})
}

// Note prints what there is to say about a container.
func (p *logPrinter) Note(n logs.Note) error {
	if n.Kind == logs.Exited {
		return p.Exited(n.Display, n.Service, n.Code)
	}
	p.warn(n.Container + ": " + n.Text)
	return nil
}
