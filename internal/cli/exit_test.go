package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/ui"
)

type codedError struct{ code int }

func (e codedError) Error() string { return "coded" }
func (e codedError) ExitCode() int { return e.code }
func (e codedError) Hint() string  { return "do this" }

func TestErrorsBecomeExitCodesAndHints(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want verdict
	}{
		{"success", nil, verdict{code: 0, quiet: true}},
		{"any error", errors.New("x"), verdict{code: 1}},
		{"a container's exit code", status(42, nil), verdict{code: 42, quiet: true}},
		{"a container's exit code 0", status(0, nil), verdict{code: 0, quiet: true}},
		{"a failure with an exit code", status(5, errors.New("x")), verdict{code: 1}},
		{"an interrupt", interruptedBy(context.Canceled), verdict{code: 130, quiet: true}},
		{"an interrupt with its consequences", interruptedBy(errors.New("stopped half-way")), verdict{code: 130, quiet: true}},
		{"an interrupt that a container answered", interruptedBy(status(7, nil)), verdict{code: 7, quiet: true}},
		{"a reader that has gone", fmt.Errorf("write: %w", ui.ErrClosed), verdict{code: 141, quiet: true}},
		{"a broken pipe", fmt.Errorf("write: %w", syscall.EPIPE), verdict{code: 141, quiet: true}},
		{"a usage error", &usageError{text: "x", line: "Usage: y"}, verdict{code: 1, usage: "Usage: y"}},
		{"an error with a code and a hint", fmt.Errorf("up: %w", codedError{3}), verdict{code: 3, hint: "do this"}},
		{"an error with code 0", codedError{0}, verdict{code: 1, hint: "do this"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.err); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestAnEngineThatDoesNotAnswerIsOneLine(t *testing.T) {
	w := newWorld(t, "down")
	w.app.err = &engine.Error{Op: "list containers", Kind: engine.ErrUnreachable, Text: "connection refused"}
	if code := w.run(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if got := w.stderr.String(); got != "list containers: connection refused\n" {
		t.Errorf("standard error: %q", got)
	}
}

func TestUsageErrorsNameTheUsageAndTheNearestName(t *testing.T) {
	tests := []struct{ line, want string }{
		{"up --detahc", "unknown flag: --detahc: did you mean --detach?\nUsage: berth up [OPTIONS] [SERVICE...]\nSee 'berth up --help'.\n"},
		{"--profil x up", "unknown flag: --profil: did you mean --profile?\nUsage: berth [OPTIONS] COMMAND\n"},
		{"upp", `unknown command "upp": did you mean up?` + "\n"},
		{"help upp", `unknown command "upp": did you mean up?` + "\nUsage: berth [OPTIONS] COMMAND\n"},
		{"logs --index 1", "--index requires one service to be selected\nUsage: berth logs [OPTIONS] [SERVICE...]\n"},
		{"logs --index 1 db web", "--index requires one service to be selected\n"},
		{"frobnicate", `unknown command "frobnicate"` + "\n"},
		{"exec web", "exec needs a service and a command\nUsage: berth exec [OPTIONS] SERVICE COMMAND [ARGS...]\n"},
		{"ls web", "ls takes no arguments, got web\n"},
		{"down -t x", `invalid argument "x" for "-t, --timeout" flag: "x" is not a whole number of seconds` + "\n"},
		{"down --rmi some", `--rmi "some" is unknown: use local, all` + "\n"},
		{"up --build --no-build", "--build and --no-build are incompatible\n"},
		{"up --force-recreate --no-recreate", "--force-recreate and --no-recreate are incompatible\n"},
		{"up -d --attach web", "--detach cannot be combined with"},
		{"up --wait --abort-on-container-exit", "--wait cannot be combined with"},
		{"up --abort-on-container-exit --abort-on-container-failure", "are incompatible\n"},
		{"up --scale web", `--scale: "web" should be SERVICE=NUM, such as web=3` + "\n"},
		{"scale web=-1", `scale: "web=-1" should be SERVICE=NUM`},
		{"up --pull sometimes", `--pull "sometimes" is unknown: use always`},
		{"up --wait-timeout -1", "is not a whole number of seconds, 0 or more"},
		{"port web x", `"x" is not a port`},
		{"port web 70000", `"70000" is not a port`},
		{"run -P -p 1:1 web", "--service-ports and --publish are incompatible\n"},
		{"build -m 1x", `is not a size`},
		{"--ansi sometimes ps", `--ansi "sometimes" is unknown`},
		{"--progress dots ps", `--progress "dots" is unknown`},
		{"config --format toml", `--format "toml" is unknown: use yaml, json`},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			w := newWorld(t, strings.Fields(tt.line)...)
			if code := w.run(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if got := w.stderr.String(); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want it to hold %q", got, tt.want)
			}
			if len(w.app.requests) > 0 {
				t.Errorf("a verb was called: %+v", w.app.requests)
			}
		})
	}
}

func TestExecAndRunEndWithTheCommandsExitCode(t *testing.T) {
	for _, line := range []string{"exec web false", "run web false"} {
		w := newWorld(t, strings.Fields(line)...)
		w.app.code = 42
		if code := w.run(); code != 42 || w.stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, standard error %q", line, code, w.stderr.String())
		}
	}
}

func TestAttachedUpShowsOutputAndEndsWithItsExitCode(t *testing.T) {
	w := newWorld(t, "up", "--exit-code-from", "web")
	w.app.code = 3
	source := logs.Source{Service: "web", Display: "web-1"}
	w.app.attached = func(sink logs.Sink) {
		w.app.control.Attaching([]logs.Source{source, {Service: "db", Display: "database"}})
		for _, l := range []logs.Line{{Stream: logs.Stdout, Text: []byte("out")}, {Stream: logs.Stderr, Text: []byte("err")}} {
			l.Source = source
			if err := sink.Line(l); err != nil {
				t.Error(err)
			}
		}
		if err := sink.Note(logs.Note{Source: source, Kind: logs.Exited, Code: 3}); err != nil {
			t.Error(err)
		}
	}
	if code := w.run(); code != 3 {
		t.Errorf("exit code %d, want 3; %s", code, w.stderr.String())
	}
	if got := w.stdout.String(); got != "Attaching to web-1, database\nweb-1     | out\nweb-1 exited with code 3\n" {
		t.Errorf("standard output %q", got)
	}
	if got := w.stderr.String(); got != "web-1     | err\n" {
		t.Errorf("standard error %q", got)
	}
}

func TestAFailedWaitShowsProbeAndLog(t *testing.T) {
	w := newWorld(t, "up", "-d", "--wait")
	w.app.err = &app.WaitError{
		Service: "web", Container: "a-web-1", Reason: "is unhealthy", Probe: "no route", Logs: []string{"listening"},
		Others: []*app.WaitError{{Service: "db", Container: "a-db-1", Reason: "exited (1)"}},
	}
	if code := w.run(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"container a-web-1 is unhealthy", "no route", "| listening", "db (a-db-1) exited (1)"} {
		if !strings.Contains(w.stderr.String(), want) {
			t.Errorf("standard error lacks %q: %s", want, w.stderr.String())
		}
	}
}

func TestPlanTellsByItsExitCodeWhetherThereIsSomethingToDo(t *testing.T) {
	for _, tt := range []struct {
		plan   app.PlanResult
		code   int
		stderr string
	}{
		{app.PlanResult{}, 0, ""},
		{app.PlanResult{Changes: true}, 2, ""},
		{app.PlanResult{Changes: true, Problems: []string{"port 80 is taken"}}, 1, "port 80 is taken\n"},
		{app.PlanResult{Consents: []string{"drop the volume?"}}, 0, "warning: up will ask: drop the volume?\n"},
	} {
		w := newWorld(t, "plan")
		w.app.plan = tt.plan
		if code := w.run(); code != tt.code || w.stderr.String() != tt.stderr {
			t.Errorf("%+v: exit code %d, standard error %q", tt.plan, code, w.stderr.String())
		}
	}
}
