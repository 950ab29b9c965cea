package build

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"github.com/berth-dev/berth/pkg/event"
)

// screen shows the progress of all jobs in one display.
type screen struct {
	options Options
	display chan *client.SolveStatus
	feeds   sync.WaitGroup
	closed  chan struct{}
	err     error // of the display; valid once closed
	mu      sync.Mutex
	images  map[string]string        // the image that each service is built as
	names   map[digest.Digest]string // the first name a step was shown with
	tails   map[digest.Digest][]byte // the last output of each step, in quiet mode
	failed  []digest.Digest          // steps that failed, in quiet mode
}

// tailSize is how much output of a step is kept for when it fails, in bytes.
const tailSize = 16 << 10

// newScreen opens the display. It shows also how a build is cancelled with ctx.
func newScreen(ctx context.Context, o Options) (*screen, error) {
	s := &screen{
		options: o, display: make(chan *client.SolveStatus), closed: make(chan struct{}),
		images: map[string]string{}, names: map[digest.Digest]string{}, tails: map[digest.Digest][]byte{},
	}
	mode, out := progressui.DisplayMode(o.Display.Mode), o.Display.Out
	if out == nil {
		out = io.Discard
	}
	if mode == "json" {
		mode = progressui.QuietMode
	}
	display, err := progressui.NewDisplay(out, mode)
	if err != nil {
		return nil, fmt.Errorf("build progress: %w", err)
	}
	go func() {
		defer close(s.closed)
		// The display ends when its channel is closed, after all builds have.
		var warnings []client.VertexWarning
		warnings, s.err = display.UpdateFrom(context.WithoutCancel(ctx), s.display)
		s.warn(warnings)
	}()
	return s, nil
}

// channel takes the statuses of one solve, which closes it. shown is closed when
// all of them are taken.
func (s *screen) channel(j *job) (feed chan *client.SolveStatus, shown chan struct{}) {
	s.mu.Lock()
	s.images[j.target.Service] = j.target.Tags[0]
	s.mu.Unlock()
	feed, shown = make(chan *client.SolveStatus), make(chan struct{})
	s.feeds.Go(func() {
		defer close(shown)
		for status := range feed {
			s.prepare(j, status)
			s.display <- status
		}
	})
	return feed, shown
}

// prepare puts the service's name on the steps and keeps what the mode needs.
func (s *screen) prepare(j *job, status *client.SolveStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, vertex := range status.Vertexes {
		failed := vertex.Error != "" && !strings.Contains(vertex.Error, context.Canceled.Error())
		if failed && j.failed == "" {
			j.failed = vertex.Digest
		}
		vertex.Digest = j.ownStep(vertex.Digest, vertex.Name)
		if failed && !slices.Contains(s.failed, vertex.Digest) {
			s.failed = append(s.failed, vertex.Digest)
		}
		if _, ok := s.names[vertex.Digest]; !ok {
			s.names[vertex.Digest] = stepName(j.target.Service, vertex.Name)
		}
		vertex.Name = s.names[vertex.Digest]
		s.tellStep(j, vertex)
	}
	for _, progress := range status.Statuses {
		progress.Vertex = j.ownStep(progress.Vertex, "")
	}
	for _, log := range status.Logs {
		log.Vertex = j.ownStep(log.Vertex, "")
		s.tellOutput(j, log)
	}
}

// ownStep tells apart steps of different jobs that BuildKit calls the same though
// they are not, such as the export of the image. Those of the Dockerfile and the
// loading of files ("[...] ...") are one step when they are called the same.
// name is empty for a step that was seen before.
func (j *job) ownStep(step digest.Digest, name string) digest.Digest {
	if own, ok := j.steps[step]; ok {
		return own
	}
	if name == "" || strings.HasPrefix(name, "[") {
		return step
	}
	if j.steps == nil {
		j.steps = map[digest.Digest]digest.Digest{}
	}
	j.steps[step] = digest.FromString(j.target.Service + " " + step.String())
	return j.steps[step]
}

// tellStep reports a step that began, in json mode.
func (s *screen) tellStep(j *job, vertex *client.Vertex) {
	if s.options.Display.Mode != "json" || vertex.Started == nil || vertex.Completed != nil {
		return
	}
	s.options.emit(event.Event{
		Kind: event.KindOutput, Resource: event.Image, Name: j.target.Tags[0], Service: j.target.Service, Text: vertex.Name,
	})
}

// tellOutput reports lines in json mode and keeps them in quiet mode.
func (s *screen) tellOutput(j *job, log *client.VertexLog) {
	switch s.options.Display.Mode {
	case "json":
		for line := range strings.Lines(string(log.Data)) {
			s.options.emit(event.Event{
				Kind: event.KindOutput, Resource: event.Image, Name: j.target.Tags[0], Service: j.target.Service,
				Parent: s.names[log.Vertex], Text: strings.TrimRight(line, "\r\n"),
			})
		}
	case string(progressui.QuietMode):
		tail := append(s.tails[log.Vertex], log.Data...)
		s.tails[log.Vertex] = tail[max(0, len(tail)-tailSize):]
	}
}

// stepName is a step's name with its service in front.
func stepName(service, name string) string {
	if rest, ok := strings.CutPrefix(name, "["); ok {
		return "[" + service + " " + rest
	}
	return "[" + service + "] " + name
}

// close ends the display once all solves have, and shows where a build failed.
func (s *screen) close(failure error) error {
	s.feeds.Wait()
	close(s.display)
	<-s.closed
	if s.options.Display.Mode == "json" {
		s.tellExcerpt(failure)
		return s.err
	}
	if s.options.Display.Out == nil {
		return s.err
	}
	if s.options.Display.Mode == string(progressui.QuietMode) {
		for _, step := range s.failed {
			fmt.Fprintf(s.options.Display.Out, "%s\n%s", s.names[step], s.tails[step])
		}
	}
	if broken, ok := isOurs(failure); ok {
		fmt.Fprint(s.options.Display.Out, broken.Excerpt)
	}
	return s.err
}

// warn passes on the frontend's warnings.
func (s *screen) warn(warnings []client.VertexWarning) {
	for _, warning := range warnings {
		text := string(warning.Short)
		if warning.SourceInfo != nil && len(warning.Range) > 0 {
			text = fmt.Sprintf("%s:%d: %s", warning.SourceInfo.Filename, warning.Range[0].Start.GetLine(), text)
		}
		s.options.emit(event.Event{Kind: event.KindWarning, Text: text})
	}
}

// tellExcerpt sends the failing lines of the Dockerfile to the event sink.
func (s *screen) tellExcerpt(failure error) {
	broken, ok := isOurs(failure)
	if !ok {
		return
	}
	for line := range strings.Lines(broken.Excerpt) {
		s.options.emit(event.Event{
			Kind: event.KindOutput, Resource: event.Image, Name: s.images[broken.Service], Service: broken.Service,
			Text: strings.TrimRight(line, "\n"),
		})
	}
}
