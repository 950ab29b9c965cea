package build

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
)

// Error is a build that failed.
type Error struct {
	Service string
	// Where is the Dockerfile's name and line, such as "Dockerfile:3"; empty
	// when the failure belongs to no line.
	Where string
	// Excerpt shows the failing lines among their neighbours; it ends with a
	// line break or is empty.
	Excerpt string
	Err     error
}

// Error is one line: service, place and cause.
func (e *Error) Error() string {
	place := ""
	if e.Where != "" {
		place = e.Where + ": "
	}
	return fmt.Sprintf("build %s: %s%s", e.Service, place, oneLine(e.Err))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// newError finds out where a job failed.
func newError(j *job, err error) *Error {
	failure := &Error{Service: j.target.Service, Err: err}
	for _, source := range errdefs.Sources(err) {
		where, lines := excerpt(source)
		failure.Excerpt += lines
		failure.Where = either(failure.Where, where)
	}
	return failure
}

// oneLine is an error's text without the words BuildKit puts around every
// failure, and without line breaks.
func oneLine(err error) string {
	text := strings.TrimPrefix(err.Error(), "failed to solve: ")
	for _, noise := range []string{"rpc error: code = Unknown desc = ", "failed to solve with frontend dockerfile.v0: ", "failed to solve: "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// isOurs tells whether err is a build's own failure.
func isOurs(err error) (*Error, bool) {
	var failure *Error
	return failure, errors.As(err, &failure)
}
