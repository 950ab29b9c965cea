package engine

import (
	"errors"
	"regexp"
)

// Kinds of engine errors, for errors.Is. Adapters wrap the engine's own text
// with them.
var (
	// ErrNotFound: the engine has no such object (HTTP 404).
	ErrNotFound = errors.New("not found")
	// ErrConflict: the object's state or name forbids the request (HTTP 409).
	ErrConflict = errors.New("conflict")
	// ErrRunning is an ErrConflict: a container that runs cannot be removed.
	ErrRunning = errors.New("running")
	// ErrRemoving is an ErrConflict: the engine is removing the object already.
	ErrRemoving = errors.New("being removed")
	// ErrInUse: a network or volume still has users (HTTP 403 or 409).
	ErrInUse = errors.New("in use")
	// ErrUnreachable: no engine answers at the address, or the connection broke.
	ErrUnreachable = errors.New("engine unreachable")
	// ErrSilent: the engine has stopped answering on connections that are open. It
	// comes with ErrUnreachable, and there is no use in trying again.
	ErrSilent = errors.New("engine silent")
	// ErrUnsupported: the engine's API version lacks what a key needs.
	ErrUnsupported = errors.New("not supported by this engine")
	// ErrDenied: a registry refused the credentials, or the lack of them.
	ErrDenied = errors.New("denied")
	// ErrTransient: worth trying again (time-outs and 5xx of a registry).
	ErrTransient = errors.New("temporary failure")
	// ErrPortTaken: a published port is already in use on the host.
	ErrPortTaken = errors.New("port already in use")
)

// Error is an engine's refusal, with the text made for the person at the
// terminal and a kind for errors.Is.
type Error struct {
	Op   string // what was asked, such as "start container"
	Name string // of what
	Kind error  // one of the sentinels above; nil when it is none of them
	Text string // the engine's message, on one line
}

// Error gives "op name: text".
func (e *Error) Error() string {
	s := e.Op
	if e.Name != "" {
		s += " " + e.Name
	}
	return s + ": " + e.Text
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Is tells that the special kinds of conflicts are conflicts.
func (e *Error) Is(target error) bool {
	return target == ErrConflict && (e.Kind == ErrRunning || e.Kind == ErrRemoving)
}

var fullID = regexp.MustCompile(`(^|[^0-9A-Za-z:])([0-9a-f]{12})[0-9a-f]{52}\b`)

// ShortIDs shortens the IDs in a text to the twelve digits by which people know
// them. Digests, which stand behind their algorithm, stay whole.
func ShortIDs(text string) string {
	return fullID.ReplaceAllString(text, "${1}${2}")
}
