package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
)

// The exit codes of a shell for a command that cannot be run.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// Exec runs a command in a running container and returns its exit code. A
// command that does not exist gives 127, one that cannot be executed 126.
func (a *App) Exec(ctx context.Context, r ExecRequest, streams engine.Streams) (int, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return 1, err
	}
	c, err := found.running(r.Service, r.Index)
	if err != nil {
		return 1, err
	}
	if r.DryRun {
		a.notice(fmt.Sprintf("would run %s in %s", strings.Join(r.Command, " "), c.Name))
		return 0, nil
	}
	env, err := a.resolveEnv(r.Project, r.Env)
	if err != nil {
		return 1, err
	}
	if !r.Stdin || r.Detach {
		streams.In = nil
	}
	catch := &refusalCatcher{to: streams.Out}
	streams.Out = catch
	code, err := a.engine.Exec(ctx, c.ID, engine.ExecSpec{
		Cmd: r.Command, User: r.User, WorkingDir: r.WorkingDir, Env: env,
		Privileged: r.Privileged, TTY: r.TTY && !r.Detach, Detach: r.Detach,
	}, streams)
	if err != nil {
		return 1, startFailure(r.Service, err)
	}
	return code, catch.finish(code, r.Service)
}

// refusalCatcher keeps the engine's words out of the output of a command that
// could not be started: engines write them there, as all of it.
type refusalCatcher struct {
	to      io.Writer
	held    []byte
	passing bool
}

// refusalPrefix begins those words; refusalLimit bounds them in bytes.
const (
	refusalPrefix = "OCI runtime exec failed: "
	refusalLimit  = 8 << 10
)

func (w *refusalCatcher) Write(p []byte) (int, error) {
	if !w.passing && w.held == nil && len(p) < refusalLimit && bytes.HasPrefix(p, []byte(refusalPrefix)) {
		w.held = bytes.Clone(p)
		return len(p), nil
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

func (w *refusalCatcher) flush() error {
	held := w.held
	w.held, w.passing = nil, true
	if len(held) == 0 {
		return nil
	}
	_, err := w.to.Write(held)
	return err
}

// finish turns the words into an error if the exit code says that they are the
// engine's.
func (w *refusalCatcher) finish(code int, service string) error {
	if w.held == nil || code != exitNotExecutable && code != exitNotFound {
		return w.flush()
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(w.held), refusalPrefix))
	err := startFailure(service, &engine.Error{Op: "execute a command in service", Name: service, Text: text})
	var known *startError
	if !errors.As(err, &known) {
		err = &startError{text: err.Error(), code: code, err: err}
	}
	return err
}

// running gives a running container of a service: the one with the number, or
// the first one.
func (f *existing) running(service string, index int) (engine.Container, error) {
	list, err := f.replicas([]string{service})
	if err != nil {
		return engine.Container{}, err
	}
	var first *engine.Container
	for i, c := range list {
		switch {
		case index > 0 && numberOf(c) != index:
		case c.State == engine.Running:
			return c, nil
		case first == nil:
			first = &list[i]
		}
	}
	switch {
	case first != nil:
		return engine.Container{}, notRunning(service, *first)
	case index > 0:
		return engine.Container{}, fmt.Errorf("service %q is not running: it has no container with index %d", service, index)
	}
	return engine.Container{}, fmt.Errorf("service %q is not running: it has no container", service)
}

// notRunning says of a service's container that it does not run.
func notRunning(service string, c engine.Container) error {
	return fmt.Errorf("service %q is not running: %s is %s", service, c.Name, c.State)
}

// resolveEnv completes entries without a value from the environment. One that is
// not set there stays without a value, which takes the variable away from the
// process even if the container has it.
func (a *App) resolveEnv(o ProjectOptions, entries []string) ([]string, error) {
	var known map[string]string
	var out []string
	for _, entry := range entries {
		key, _, ok := strings.Cut(entry, "=")
		if ok {
			out = append(out, entry)
			continue
		}
		if known == nil {
			var err error
			if known, _, err = project.Environment(a.options(o)); err != nil {
				return nil, err
			}
		}
		if value, set := known[key]; set {
			entry = key + "=" + value
		}
		out = append(out, entry)
	}
	return out, nil
}

// startError is an engine's refusal to start a process, with a shell's code.
type startError struct {
	text string
	code int
	err  error
}

// Error says what could not be run and why.
func (e *startError) Error() string { return e.text }

// ExitCode is 127 for a command that does not exist and 126 for one that cannot
// be executed.
func (e *startError) ExitCode() int { return e.code }

func (e *startError) Unwrap() error { return e.err }

// startFailure recognises in the engine's words why a process of a service could
// not be started: runtimes have no codes for it.
func startFailure(service string, err error) error {
	var refusal *engine.Error
	if !errors.As(err, &refusal) {
		return err
	}
	text := refusal.Text
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	// Words about mounts and working directories are the same but for this.
	from := strings.Index(text, `exec: "`)
	var code int
	switch {
	case from >= 0 && has("executable file not found", "no such file or directory", "cannot find the file"):
		code = exitNotFound
	case from >= 0 && has("permission denied", "is a directory", "not a directory"), has("exec format error"):
		code = exitNotExecutable
	default:
		return err
	}
	text = strings.TrimSuffix(text[max(from, 0):], ": unknown")
	return &startError{text: fmt.Sprintf("service %s: %s", service, text), code: code, err: err}
}
