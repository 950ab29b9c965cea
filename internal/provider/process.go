package provider

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	// grace is how long an interrupted program may take to clean up.
	grace = 10 * time.Second
	// maxLine bounds one message in bytes.
	maxLine = 1 << 20
	// standalone is the variable by which a Docker CLI plugin knows that the
	// Docker CLI has called it (docker/cli, cli-plugins/metadata). Without it a
	// plugin takes its arguments as they are.
	standalone = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"
)

// process is one call of a program.
type process struct {
	path string
	args []string
	env  []string // beside the runner's
	// line gets each line of the standard output; an error ends the program.
	line func(string) error
	// said gets each line of the standard error; may be nil.
	said func(string)
}

// exitError is a program that ended with another code than 0.
type exitError struct {
	code int
	last string // the last line it wrote on its standard error
}

func (e *exitError) Error() string {
	s := fmt.Sprintf("exit code %d", e.code)
	if e.last != "" {
		s += ": " + e.last
	}
	return s
}

// run runs a program to its end. An interruption is handed on to it, and it may
// take the grace period to clean up.
func (r *Runner) run(ctx context.Context, p process) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Dir = r.opt.WorkDir
	cmd.Env = append(r.environ(), p.env...)
	cmd.WaitDelay = grace
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill() // Windows knows no interrupt
		}
		return nil
	}
	errs := &lastLine{said: p.said}
	cmd.Stderr = errs
	out, feed := io.Pipe()
	cmd.Stdout = feed
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", p.path, err)
	}
	read := make(chan error, 1)
	go func() {
		err := eachLine(out, p.line)
		if err != nil {
			stop(err)
		}
		_, _ = io.Copy(io.Discard, out) // the program must not block on what nobody reads
		read <- err
	}()
	err := cmd.Wait()
	_ = feed.Close() // always nil for a pipe
	if lineErr := <-read; lineErr != nil {
		return lineErr
	}
	errs.flush()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &exitError{code: exit.ExitCode(), last: errs.last}
	}
	return err
}

// environ is the environment of the programs. Called by the Docker CLI, berth
// must not let them believe that they are.
func (r *Runner) environ() []string {
	return slices.DeleteFunc(slices.Clone(r.opt.Environ), func(entry string) bool {
		return strings.HasPrefix(entry, standalone+"=")
	})
}

// eachLine calls f with every line that is not empty.
func eachLine(r io.Reader, f func(string) error) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		if text := strings.TrimSpace(scan.Text()); text != "" {
			if err := f(text); err != nil {
				return err
			}
		}
	}
	if errors.Is(scan.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line is longer than %d bytes", maxLine)
	}
	return scan.Err()
}

// lastLine hands on lines and keeps the last one.
type lastLine struct {
	said func(string)
	rest []byte
	last string
}

// Write takes a piece of the output.
func (l *lastLine) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.rest = rest
		l.take(string(line))
	}
	if len(l.rest) > maxLine {
		l.flush()
	}
	return len(p), nil
}

func (l *lastLine) flush() {
	if len(l.rest) > 0 {
		l.take(string(l.rest))
		l.rest = nil
	}
}

func (l *lastLine) take(line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	l.last = line
	if l.said != nil {
		l.said(line)
	}
}
