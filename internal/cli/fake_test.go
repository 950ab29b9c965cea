package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/pkg/event"
)

// fakeApp stands for the use-cases: it keeps what it is asked and answers what
// the test wants.
type fakeApp struct {
	options  app.Options
	settings map[string]string

	requests   []any
	err        error
	code       int
	containers []engine.Container
	processes  []app.TopEntry
	config     app.ConfigResult
	projects   []app.ProjectSummary
	during     func(context.Context) // called within each verb
	openEngine bool                  // each verb asks for the engine
	control    app.Control
	plan       app.PlanResult
	attached   func(logs.Sink)
	told       *event.Event // each verb tells this
	watchErr   error        // why nothing can be watched

	mu       sync.Mutex
	watching []app.WatchRequest
}

func (f *fakeApp) got(ctx context.Context, r any) error {
	f.requests = append(f.requests, r)
	if f.told != nil {
		f.options.Sink.Emit(*f.told)
	}
	if f.openEngine {
		if _, err := f.options.Engine(); err != nil {
			return err
		}
	}
	if f.during != nil {
		f.during(ctx)
	}
	return f.err
}

func (f *fakeApp) Settings(app.ProjectOptions) (map[string]string, error) { return f.settings, nil }

func (f *fakeApp) Up(ctx context.Context, r app.UpRequest) (app.UpResult, error) {
	return app.UpResult{}, f.got(ctx, r)
}

func (f *fakeApp) BuildDefinition(ctx context.Context, r app.BuildRequest) ([]byte, error) {
	return []byte("{}"), f.got(ctx, r)
}

func (f *fakeApp) Publish(ctx context.Context, r app.PublishRequest) error { return f.got(ctx, r) }

// Watch goes on beside an up, and ends at once otherwise.
func (f *fakeApp) Watch(ctx context.Context, r app.WatchRequest, _ app.Control) error {
	if !r.NoUp {
		return f.got(ctx, r)
	}
	f.mu.Lock()
	f.watching = append(f.watching, r)
	f.mu.Unlock()
	<-ctx.Done()
	return nil
}

// watches are the requests to watch beside an up.
func (f *fakeApp) watches() []app.WatchRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.watching)
}

func (f *fakeApp) CheckWatch(context.Context, app.WatchRequest) error { return f.watchErr }

func (f *fakeApp) Copy(ctx context.Context, r app.CopyRequest, _ io.Reader, _ io.Writer) error {
	return f.got(ctx, r)
}

func (f *fakeApp) Commit(ctx context.Context, r app.CommitRequest) (string, error) {
	return "sha256:abc", f.got(ctx, r)
}

func (f *fakeApp) Export(ctx context.Context, r app.ExportRequest, out io.Writer) error {
	_, err := io.WriteString(out, "archive")
	return errors.Join(err, f.got(ctx, r))
}

func (f *fakeApp) Viz(ctx context.Context, r app.VizRequest) ([]byte, error) {
	return []byte("drawing\n"), f.got(ctx, r)
}

func (f *fakeApp) Generate(ctx context.Context, r app.GenerateRequest) ([]byte, error) {
	return []byte("services:\n"), f.got(ctx, r)
}

func (f *fakeApp) Plan(ctx context.Context, r app.UpRequest) (app.PlanResult, error) {
	return f.plan, f.got(ctx, r)
}

func (f *fakeApp) Rollback(ctx context.Context, r app.RollbackRequest) (app.UpResult, error) {
	return app.UpResult{}, f.got(ctx, r)
}

func (f *fakeApp) History(ctx context.Context, r app.HistoryRequest) ([]app.HistoryRow, error) {
	return []app.HistoryRow{{Revision: 1, Service: "web", Image: "web"}}, f.got(ctx, r)
}

func (f *fakeApp) UpAttached(ctx context.Context, r app.UpRequest, at app.AttachRequest, sink logs.Sink, c app.Control) (int, error) {
	f.control = c
	if f.attached != nil {
		f.attached(sink)
	}
	return f.code, f.got(ctx, upOptions{UpRequest: r, View: at})
}

func (f *fakeApp) Down(ctx context.Context, r app.DownRequest) error        { return f.got(ctx, r) }
func (f *fakeApp) Start(ctx context.Context, r app.ServicesRequest) error   { return f.got(ctx, r) }
func (f *fakeApp) Stop(ctx context.Context, r app.ServicesRequest) error    { return f.got(ctx, r) }
func (f *fakeApp) Restart(ctx context.Context, r app.ServicesRequest) error { return f.got(ctx, r) }
func (f *fakeApp) Kill(ctx context.Context, r app.ServicesRequest) error    { return f.got(ctx, r) }
func (f *fakeApp) Pause(ctx context.Context, r app.ServicesRequest) error   { return f.got(ctx, r) }
func (f *fakeApp) Unpause(ctx context.Context, r app.ServicesRequest) error { return f.got(ctx, r) }
func (f *fakeApp) Remove(ctx context.Context, r app.ServicesRequest) error  { return f.got(ctx, r) }
func (f *fakeApp) Build(ctx context.Context, r app.BuildRequest) error      { return f.got(ctx, r) }
func (f *fakeApp) Pull(ctx context.Context, r app.PullRequest) error        { return f.got(ctx, r) }
func (f *fakeApp) Push(ctx context.Context, r app.PushRequest) error        { return f.got(ctx, r) }

func (f *fakeApp) Ps(ctx context.Context, r app.PsRequest) ([]engine.Container, error) {
	return f.containers, f.got(ctx, r)
}

func (f *fakeApp) List(ctx context.Context, r app.ListRequest) ([]app.ProjectSummary, error) {
	return f.projects, f.got(ctx, r)
}

func (f *fakeApp) Images(ctx context.Context, r app.ImagesRequest) ([]app.ImageRow, error) {
	return nil, f.got(ctx, r)
}

func (f *fakeApp) Volumes(ctx context.Context, r app.VolumesRequest) ([]engine.Volume, error) {
	return nil, f.got(ctx, r)
}

func (f *fakeApp) Port(ctx context.Context, r app.PortRequest) (string, error) {
	return "0.0.0.0:8080", f.got(ctx, r)
}

func (f *fakeApp) Top(ctx context.Context, r app.TopRequest) ([]app.TopEntry, error) {
	return f.processes, f.got(ctx, r)
}

func (f *fakeApp) Logs(ctx context.Context, r app.LogsRequest, _ logs.Sink) error {
	return f.got(ctx, r)
}

func (f *fakeApp) Config(ctx context.Context, r app.ConfigRequest) (app.ConfigResult, error) {
	return f.config, f.got(ctx, r)
}

func (f *fakeApp) Exec(ctx context.Context, r app.ExecRequest, _ engine.Streams) (int, error) {
	return f.code, f.got(ctx, r)
}

func (f *fakeApp) Run(ctx context.Context, r app.RunRequest, _ engine.Streams, c app.Control) (int, error) {
	f.control = c
	return f.code, f.got(ctx, r)
}

func (f *fakeApp) Attach(ctx context.Context, r app.ContainerAttachRequest, _ engine.Streams, c app.Control) (int, error) {
	f.control = c
	return f.code, f.got(ctx, r)
}

func (f *fakeApp) Events(ctx context.Context, r app.EventsRequest, each func(app.EventRow) error) error {
	row := app.EventRow{Event: engine.Event{Kind: "container", Action: "start", ID: "c1", Name: "a-web-1"}, Service: "web"}
	return errors.Join(f.got(ctx, r), each(row))
}

func (f *fakeApp) Stats(ctx context.Context, r app.StatsRequest, each func([]app.StatsRow) error) error {
	return errors.Join(f.got(ctx, r), each([]app.StatsRow{{Stats: engine.Stats{ID: "c1", Name: "a-web-1", PIDs: 3}}}))
}

func (f *fakeApp) Wait(ctx context.Context, r app.WaitRequest, each func(app.WaitResult) error) (int, error) {
	return f.code, errors.Join(f.got(ctx, r), each(app.WaitResult{Container: "a-web-1", ExitCode: f.code}))
}

// world is a run of the command line on a fakeApp.
type world struct {
	app            *fakeApp
	env            Env
	stdout, stderr bytes.Buffer
}

func newWorld(t *testing.T, line ...string) *world {
	t.Helper()
	w := &world{app: &fakeApp{}}
	dir := t.TempDir()
	w.env = Env{
		Args: append([]string{"berth"}, line...), Stdin: strings.NewReader(""),
		Stdout: &w.stdout, Stderr: &w.stderr, Version: "1.2.3",
		WorkDir: func() (string, error) { return dir, nil },
		Engine: func(Connection) (app.Engine, error) {
			t.Error("the engine was asked for")
			return nil, nil
		},
		newApp: func(o app.Options) backend {
			w.app.options = o
			return w.app
		},
	}
	return w
}

func (w *world) run() int { return Main(w.env) }

// last is the request the last verb got.
func (w *world) last(t *testing.T) any {
	t.Helper()
	if len(w.app.requests) == 0 {
		t.Fatalf("no verb was called; standard error: %s", w.stderr.String())
	}
	return w.app.requests[len(w.app.requests)-1]
}

// requestOf gives a command line to one command and returns the request it makes.
func requestOf[R any](t *testing.T, construct func(*session, run[R]) *cobra.Command, settings map[string]string, line ...string) (R, error) {
	t.Helper()
	w := newWorld(t)
	w.app.settings = settings
	s := newSession(w.env, invocation{name: "berth"})
	root := newBareRoot(s)
	var got R
	root.AddCommand(construct(s, func(_ context.Context, r R) error {
		got = r
		return nil
	}))
	root.SetArgs(line)
	err := root.ExecuteContext(t.Context())
	return got, err
}

// fakeEngine can only be closed.
type fakeEngine struct{ app.Engine }

func (fakeEngine) Close() error { return nil }
