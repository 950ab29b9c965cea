package logs

import (
	"context"
	"io"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// Reader is what this package asks of an engine.
type Reader interface {
	// Containers lists the containers that the filter selects, the stopped
	// ones included.
	Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error)
	// InspectContainer is asked once for each container, whether it has a
	// terminal, and once after each exit, whether the engine restarts it.
	InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error)
	// Events returns once the engine has accepted the stream.
	Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error)
	// Logs copies a container's log until it ends. Without
	// [engine.LogOptions.TTY] each message of the engine's stream arrives in
	// one Write of its own, its stamp included; message boundaries tell an
	// unfinished last line from a piece of a long one.
	Logs(ctx context.Context, id string, options engine.LogOptions, stdout, stderr io.Writer) error
	// Endpoint is the engine's address, for error messages.
	Endpoint() string
}

// Stream tells which of its two outputs a container wrote to.
type Stream string

// The streams. A container with a terminal has only Stdout.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

// Line is one line of a container's output.
type Line struct {
	Source
	// Time is the engine's stamp of the line's first byte.
	Time   time.Time
	Stream Stream
	// Text is the line as written, without its newline (and without the
	// carriage return that a terminal puts before it). It may hold any bytes.
	// It is only valid until the sink returns.
	Text []byte
	// Partial says that the line goes on in the next Line of this container
	// and stream. Only lines over 4 MiB come in pieces.
	Partial bool
}

// NoteKind tells what a Note is about.
type NoteKind int

// The kinds of notes.
const (
	// Exited: the container's process ended.
	Exited NoteKind = iota + 1
	// Unreadable: the engine cannot give the container's log, for example
	// because its log driver keeps none.
	Unreadable
)

// Note is something to tell about a container between its lines.
type Note struct {
	Source
	Kind NoteKind
	Time time.Time // when the engine saw it
	Code int       // the exit code, for Exited
	// Restarting says that the engine starts the container again by itself.
	Restarting bool
	// Text is the message, such as "exited with code 1".
	Text string
}

// Sink takes lines and notes. Calls never overlap. An error ends the reading
// and is returned from it. A sink that blocks holds the engine back.
type Sink interface {
	Line(Line) error
	Note(Note) error
}

// Flusher is a Sink that buffers. Flush is called at most 50 ms after a line
// or note that no other followed, and at the end; never during another call.
type Flusher interface {
	Flush() error
}

// Announced is a Sink that wants to know, before the first line, of which
// containers that exist there may be lines.
type Announced interface {
	Announce([]Source)
}

// announce tells a sink that wants to know.
func announce(sink Sink, list []engine.Container) {
	if a, ok := sink.(Announced); ok {
		sources := make([]Source, len(list))
		for i, c := range list {
			sources[i] = SourceOf(c)
		}
		a.Announce(sources)
	}
}

// Options select what to read.
type Options struct {
	Project  string
	Services []string // empty for all
	// Index selects one replica by its number; 0 for all.
	Index int
	// Since and Until bound the lines' times; zero for no bound.
	Since, Until time.Time
	// Tail is how many of the last lines of each container's past to give:
	// empty or "all", or a number. See [ParseTail].
	Tail string
	// StopWhenDone ends following once no selected container runs and none is
	// about to run again.
	StopWhenDone bool
}

// Exit is the end of a container's process.
type Exit struct {
	Source
	Time time.Time
	Code int
	// Restarting says that the engine starts the container again by itself.
	Restarting bool
	// Killed says that somebody asked the engine to stop or kill it.
	Killed bool
}

// AttachOptions tell what `up` in the foreground shows and wants to know.
type AttachOptions struct {
	Project string
	// Services are the ones that are watched; empty for all.
	Services []string
	// Show tells of which services the output and the exit notes go to the
	// sink; nil for all. The callbacks are called for the others as well.
	Show func(service string) bool
	// Await tells the containers of which services attaching ends with; nil
	// for all. Others are followed as long as one of those runs.
	Await func(service string) bool
	// Tail is how many lines from before to give; empty for none.
	Tail string
	// Ready is called once everything that starts from now on will be seen.
	// The caller must start nothing before that.
	Ready func()
	// Settled is closed once the caller will start nothing more: only from
	// then on does attaching end by itself, when no watched container runs.
	// Nil means never.
	Settled <-chan struct{}
	// Stopping is closed once the caller stops everything: attaching then ends
	// with the last container, and does not wait for somebody to start it
	// again. May be nil.
	Stopping <-chan struct{}
	// OnStart and OnExit are called as soon as the engine reports it, which
	// may be before the sink has got the lines written by then. They must not
	// block. Containers that the caller replaces before Settled are not
	// reported. Either may be nil.
	OnStart func(Source)
	OnExit  func(Exit)
}
