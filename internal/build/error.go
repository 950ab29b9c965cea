package build

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
	Hint    string // what to do about it; may be empty
}

// Error is one line: service, place and cause.
func (e *Error) Error() string {
	place := ""
	if e.Where != "" {
		place = e.Where + ": "
	}
	text := fmt.Sprintf("build %s: %s%s", e.Service, place, oneLine(e.Err))
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// newError finds out where a job failed, and what can be done.
func newError(j *job, err error) *Error {
	failure := &Error{Service: j.target.Service, Err: err, Hint: hint(j, err.Error())}
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
	for _, noise := range []string{"rpc error: code = Unknown desc = ", "failed to solve with frontend dockerfile.v0: ", "failed to solve: ",
		"failed to run Build function: ", "failed to compute cache key: ", "failed to load cache key: ", "failed to create LLB definition: "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	text = checksumNoise.ReplaceAllString(text, "")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), "not found: not found", "not found")
}

// checksumNoise is what newer BuildKits put before the name of a file that is
// not there: IDs of their own.
var checksumNoise = regexp.MustCompile(`failed to calculate checksum of ref \S+: `)

// hint says what can be done about a failure, where that is known.
func hint(j *job, text string) string {
	if strings.Contains(text, "granting entitlement") {
		return "allow it under builder.Entitlements in the engine's daemon.json"
	}
	if strings.Contains(text, "multiple references") || strings.Contains(text, "ultiple platforms") {
		return "this engine's image store holds one platform per image"
	}
	match := regexp.MustCompile(`"/([^"]+)":? not found`).FindStringSubmatch(text)
	if match == nil || j.files.dir == "" || len(j.files.ignore) == 0 {
		return ""
	}
	if _, err := os.Lstat(filepath.Join(j.files.dir, filepath.FromSlash(match[1]))); err != nil {
		return ""
	}
	return "it is in the folder, but " + j.files.ignoreName() + " leaves it out"
}

// isOurs tells whether err is a build's own failure.
func isOurs(err error) (*Error, bool) {
	var failure *Error
	return failure, errors.As(err, &failure)
}
