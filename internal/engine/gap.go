package engine

import "fmt"

// Gap is a key of a service that an engine cannot honour.
type Gap struct {
	Service string
	Key     string // within the service, such as healthcheck.start_interval
	// NeedsAPI is the API version that has it; empty if no engine has.
	NeedsAPI string
	// HasAPI is the version that this engine speaks.
	HasAPI string
	// Fatal: without it the container would be another one than the file asks
	// for, so that creating it is refused. Otherwise the key is left out.
	Fatal bool
	// Why says what the engine does instead, for keys no engine has.
	Why string
}

// Path is the key from the top of the file.
func (g Gap) Path() string { return "services." + g.Service + "." + g.Key }

// Reason is what stands in the way, without the key.
func (g Gap) Reason() string {
	if g.NeedsAPI == "" {
		return "has no effect: " + g.Why
	}
	return fmt.Sprintf("needs Engine API %s, this engine speaks %s", g.NeedsAPI, g.HasAPI)
}

// String is the gap on one line, for the person at the terminal.
func (g Gap) String() string { return g.Path() + " " + g.Reason() }
