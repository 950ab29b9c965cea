// Package event is the vocabulary of what berth tells while it works. A value
// of Event is also the wire form of `--progress json`, one object per line;
// Version changes when a field changes its meaning.
package event

import (
	"sync"
	"time"
)

// Version is the version of the wire form.
const Version = 1

// Kind tells what an Event is about.
type Kind string

// The kinds of events.
const (
	// KindStatus: a resource reached a status.
	KindStatus Kind = "status"
	// KindWarning: something the user should know that stops nothing.
	KindWarning Kind = "warning"
	// KindNotice: a plain line of information.
	KindNotice Kind = "notice"
	// KindOutput: a line of output of a build step, a hook or a provider.
	KindOutput Kind = "output"
	// KindSummary: the last event of a command that changed something.
	KindSummary Kind = "summary"
)

// Resource kinds, as they are printed in front of a name.
const (
	Container = "Container"
	Network   = "Network"
	Volume    = "Volume"
	Image     = "Image"
	Service   = "Service"
	Config    = "Config"
	Secret    = "Secret"
)

// Status is the word printed behind a resource. The words are docker compose's.
type Status string

// Status words; scripts match on them.
const (
	Creating   Status = "Creating"
	Created    Status = "Created"
	Starting   Status = "Starting"
	Started    Status = "Started"
	Running    Status = "Running"
	Waiting    Status = "Waiting"
	Healthy    Status = "Healthy"
	Exited     Status = "Exited"
	Stopping   Status = "Stopping"
	Stopped    Status = "Stopped"
	Killing    Status = "Killing"
	Killed     Status = "Killed"
	Pausing    Status = "Pausing"
	Paused     Status = "Paused"
	Unpausing  Status = "Unpausing"
	Unpaused   Status = "Unpaused"
	Restarting Status = "Restarting"
	Restarted  Status = "Restarted"
	Removing   Status = "Removing"
	Removed    Status = "Removed"
	Recreate   Status = "Recreate"
	Recreated  Status = "Recreated"
	Restored   Status = "Restored" // an update has been taken back
	Renaming   Status = "Renaming"
	Renamed    Status = "Renamed"
	Pulling    Status = "Pulling"
	Pulled     Status = "Pulled"
	Pushing    Status = "Pushing"
	Pushed     Status = "Pushed"
	Building   Status = "Building"
	Built      Status = "Built"
	Copying    Status = "Copying"
	Copied     Status = "Copied"
	Connecting Status = "Connecting"
	Connected  Status = "Connected"
	Skipped    Status = "Skipped"
	Error      Status = "Error"
)

// Phase groups the status words for whoever draws them.
type Phase string

// The phases of a resource.
const (
	Working Phase = "working"
	Done    Phase = "done"
	Warn    Phase = "warning"
	Failed  Phase = "error"
)

// Event is one thing that happened. Fields that do not apply are empty.
type Event struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	// Resource and Name say what it is about: "Container", "app-web-1".
	Resource string `json:"resource,omitempty"`
	Name     string `json:"name,omitempty"`
	Service  string `json:"service,omitempty"`
	Project  string `json:"project,omitempty"`
	Status   Status `json:"status,omitempty"`
	Phase    Phase  `json:"phase,omitempty"`
	// Text is the message of a warning, notice or output line, the reason of a
	// Skipped, the message of an Error.
	Text string `json:"text,omitempty"`
	// Parent names the resource this one is a part of, such as the image of a layer.
	Parent string `json:"parent,omitempty"`
	// Current and Total measure the progress of a transfer in bytes.
	Current int64 `json:"current,omitempty"`
	Total   int64 `json:"total,omitempty"`
	// ExitCode is set with Exited.
	ExitCode *int `json:"exit_code,omitempty"`
	// DryRun says that nothing was done.
	DryRun bool `json:"dry_run,omitempty"`
}

// ID is what status lines are keyed by: "Container app-web-1".
func (e Event) ID() string {
	if e.Resource == "" {
		return e.Name
	}
	return e.Resource + " " + e.Name
}

// Sink takes events. Implementations must allow calls from many goroutines.
type Sink interface {
	Emit(Event)
}

// SinkFunc is a function as a Sink.
type SinkFunc func(Event)

// Emit calls the function.
func (f SinkFunc) Emit(e Event) { f(e) }

// Discard takes events and drops them.
var Discard Sink = SinkFunc(func(Event) {}) //nolint:gochecknoglobals // a constant that Go cannot write as one

// Recorder keeps the events it is given, for tests.
type Recorder struct {
	mu     sync.Mutex
	events []Event
}

// Emit keeps the event.
func (r *Recorder) Emit(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Events returns what was kept so far.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}
