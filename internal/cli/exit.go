package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/ui"
)

// The exit codes of berth itself. The commands exec, run, wait and an attached
// up may end with a container's exit code instead.
const (
	codeOK          = 0
	codeFailure     = 1
	codeChanges     = 2   // plan: there is something to do
	codeInterrupted = 130 // SIGINT or SIGTERM, as a shell counts SIGINT
	codeClosed      = 141 // nobody reads the output, as a shell counts SIGPIPE
)

// verdict is what an error means to the person or script that called berth.
type verdict struct {
	code  int
	quiet bool   // there is nothing to say
	hint  string // what to do about it
	usage string // how the command is called
}

// judge is the one table from errors to exit codes and hints. The first line
// that applies wins.
func judge(err error) verdict {
	var (
		status *statusError
		usage  *usageError
		coded  interface{ ExitCode() int }
	)
	switch {
	case err == nil:
		return verdict{code: codeOK, quiet: true}
	case errors.As(err, &status):
		return verdict{code: status.code, quiet: true}
	case errors.Is(err, interruptedError{}):
		return verdict{code: codeInterrupted, quiet: true}
	case isClosed(err):
		return verdict{code: codeClosed, quiet: true}
	case errors.As(err, &usage):
		return verdict{code: codeFailure, usage: usage.line}
	case errors.As(err, &coded) && coded.ExitCode() != codeOK:
		return verdict{code: coded.ExitCode(), hint: hintOf(err)}
	}
	return verdict{code: codeFailure, hint: hintOf(err)}
}

// isClosed tells that whoever read the output has gone, as head does at the
// end of a pipe.
func isClosed(err error) bool {
	return errors.Is(err, ui.ErrClosed) || errors.Is(err, syscall.EPIPE)
}

// hintOf is what the user can do about an error: what the error itself says, or
// what is known about its kind.
func hintOf(err error) string {
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &hinted) && hinted.Hint() != "":
		return hinted.Hint()
	case errors.Is(err, engine.ErrDenied):
		return "Log in to the registry with: docker login REGISTRY"
	}
	return ""
}

// statusError ends berth with a container's exit code, of which there is
// nothing more to say.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// status makes an exit code the outcome of a command.
func status(code int, err error) error {
	if err != nil || code == codeOK {
		return err
	}
	return &statusError{code: code}
}

// usageError is a command line that means nothing.
type usageError struct {
	text string
	line string // the usage line
}

func (e *usageError) Error() string { return e.text }

// interruptedBy is the outcome of a command that a signal ended: a container's
// exit code stands, everything else counts as interrupted.
func interruptedBy(err error) error {
	var status *statusError
	if errors.As(err, &status) {
		return err
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, interruptedError{}) {
		return interruptedError{}
	}
	return fmt.Errorf("%w: %w", interruptedError{}, err)
}

// hintedError carries the hint of the table to where errors are printed.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Hint() string { return e.hint }

func (e hintedError) Unwrap() error { return e.error }

// failures are the containers an error is about that did not become what they
// were waited for.
func failures(err error) []ui.Failure {
	var wait *app.WaitError
	if !errors.As(err, &wait) {
		return nil
	}
	var list []ui.Failure
	for _, e := range append([]*app.WaitError{wait}, wait.Others...) {
		list = append(list, ui.Failure{
			Service: e.Service, Container: e.Container, Reason: e.Reason, Probe: e.Probe, ProbeCode: e.ProbeCode, Logs: e.Logs,
		})
	}
	return list
}
