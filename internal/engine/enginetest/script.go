package enginetest

import (
	"io"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// Script says what a container does. It is found by the container's name, its
// service's name, or the image's reference, the first of these that has one
// (see [Engine.SetScript]), and stands in for its command.
//
// A container without a script does what its command says, if that is
// understood: echo (also >&2), printf, sleep N, sleep infinity, exit N, true,
// false, seq, cat, test -f, trap (to exit or, with an empty action, to ignore a
// signal), while and if,
// either directly or in sh -c '...' with ; && || & and wait between commands.
// Anything else, and no command at all, runs until it is stopped.
type Script struct {
	// StartError makes every start fail with this text.
	StartError string
	// Lines are written while it runs, each some time after its start.
	Lines []Line
	// Exits say how its runs end: the first start uses the first one, and so
	// on; the last one is used again and again. Empty: it runs until stopped.
	Exits []Exit
	// Health is what its health check finds, if it has one. Without it, it is
	// healthy at the first probe.
	Health HealthScript
	// IgnoreTerm makes it deaf to stop signals: only SIGKILL ends it.
	IgnoreTerm bool
	// TermDelay is the time it takes to end after a stop signal.
	TermDelay time.Duration
	// TermCode is its exit code after a stop signal.
	TermCode int
	// Exec runs a command in it and returns the exit code. Without it, the
	// commands above are understood, and others are not found (127).
	Exec func(cmd []string, streams engine.Streams) int
}

// Line is a line of output. Its text needs no newline.
type Line struct {
	After  time.Duration // after the start of the run
	Stderr bool
	Text   string
}

// Exit is how a run ends.
type Exit struct {
	After time.Duration
	Code  int
	// Never makes the run go on until it is stopped.
	Never bool
	// OOM says that the kernel killed it for lack of memory.
	OOM bool
}

// HealthScript is what a health check finds: a list of turns in time, or else
// the outcome of each probe at the configured interval.
type HealthScript struct {
	Turns []HealthTurn
	// Probe returns the exit code and output of the n-th probe of a run, n
	// from 1. The engine makes the state of it: healthy at the first success,
	// unhealthy after the configured retries.
	Probe func(n int) (code int, output string)
}

// HealthTurn sets the health state some time after a start.
type HealthTurn struct {
	After  time.Duration
	State  engine.Health
	Output string // of the probe
}

// HealthyAfter is a health check that succeeds that long after each start,
// whatever the configured interval.
func HealthyAfter(d time.Duration) HealthScript {
	return HealthScript{Turns: []HealthTurn{{After: d, State: engine.Healthy}}}
}

// HealthyAfterProbes is a health check whose n-th probe is the first success.
func HealthyAfterProbes(n int) HealthScript {
	return HealthScript{Probe: func(i int) (int, string) {
		if i < n {
			return 1, "not ready"
		}
		return 0, "ready"
	}}
}

// NeverHealthy is a health check that always fails, with this output.
func NeverHealthy(output string) HealthScript {
	return HealthScript{Probe: func(int) (int, string) { return 1, output }}
}

// HealthyThenUnhealthy is a health check that succeeds after the first
// duration and has failed for good after the second, both from the start.
func HealthyThenUnhealthy(healthy, unhealthy time.Duration, output string) HealthScript {
	return HealthScript{Turns: []HealthTurn{
		{After: healthy, State: engine.Healthy},
		{After: unhealthy, State: engine.Unhealthy, Output: output},
	}}
}

// ExitAfter is a Script whose every run ends that long after its start.
func ExitAfter(d time.Duration, code int) Script {
	return Script{Exits: []Exit{{After: d, Code: code}}}
}

// SetScript says what containers do that start from now on. The key is a
// container's name, a service's name or an image's reference.
func (e *Engine) SetScript(key string, script Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scripts[key] = script
}

// script finds the container's script. The caller holds the mutex.
func (e *Engine) script(c *container) (Script, bool) {
	for _, key := range []string{c.name, c.labels[serviceLabel], c.spec.Service.Name, c.spec.Image} {
		if s, ok := e.scripts[key]; ok && key != "" {
			return s, true
		}
	}
	return Script{}, false
}

// exitOf returns how the run ends, runs counted from 1.
func (s Script) exitOf(run int) (Exit, bool) {
	if len(s.Exits) == 0 {
		return Exit{}, false
	}
	exit := s.Exits[min(run, len(s.Exits))-1]
	return exit, !exit.Never
}

// discard stands for the stream that a caller left out.
func discard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
