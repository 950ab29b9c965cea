package engine

import (
	"strconv"
	"time"
)

// Event is one message of the engine's event stream.
type Event struct {
	Time   time.Time
	Kind   string // container, network, volume, image
	Action string // start, die, destroy, health_status, ... without its detail
	// Detail is what follows the action's colon: "healthy" for
	// "health_status: healthy", the command for exec_* actions.
	Detail     string
	ID         string
	Name       string
	Attributes map[string]string // labels included
}

// ExitCode is the exit code a die event carries; ok is false when it has none.
func (e Event) ExitCode() (code int, ok bool) {
	n, err := strconv.Atoi(e.Attributes["exitCode"])
	return n, err == nil
}

// EventFilter selects what the event stream carries.
type EventFilter struct {
	Project string // by the project label; empty for everything
	Kinds   []string
	Since   string // as LogOptions.Since
	Until   string
}

// EventStream delivers events until its context ends, the engine closes it, or
// until is reached. Err is valid once C is closed; nil means a clean end.
type EventStream struct {
	C   <-chan Event
	Err func() error
}

// ContainerFilter selects containers of the engine's list. Stopped ones are
// always included.
type ContainerFilter struct {
	Project string            // by the project label; empty for every project
	Labels  map[string]string // further labels; an empty value asks only for the key
	Names   []string          // exact names, without regard to the project
	Size    bool              // ask for sizes, which is slow
}
