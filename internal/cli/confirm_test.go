package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
)

const removal = "Going to remove a-web-1, a-web-2. Are you sure?"

// questioned makes the next verb ask, and keeps the answer.
func (w *world) questioned(question string, yes *bool) {
	w.app.during = func(ctx context.Context) {
		*yes, w.app.err = w.app.options.Confirm(ctx, question)
	}
}

func TestForceAnswersAndSaysWhatIsRemoved(t *testing.T) {
	w := newWorld(t, "rm", "-f")
	yes := false
	w.questioned(removal, &yes)
	if code := w.run(); code != 0 || !yes || w.stdout.String() != "Going to remove a-web-1, a-web-2\n" || w.stderr.Len() > 0 {
		t.Errorf("exit code %d, answer %t, %q, %q", code, yes, w.stdout.String(), w.stderr.String())
	}
	if r := w.last(t).(app.ServicesRequest); r.Force {
		t.Error("the use-case is kept from asking, and so from saying what is removed")
	}
}

func TestWithoutForceSomebodyHasToAnswer(t *testing.T) {
	w := newWorld(t, "rm")
	yes := false
	w.questioned(removal, &yes)
	if w.run(); yes || !strings.Contains(w.stderr.String(), "needs an answer, but standard input is not a terminal: use --force") {
		t.Errorf("answer %t, %q", yes, w.stderr.String())
	}
}

func TestYesNeitherAsksNorAgreesToLosingData(t *testing.T) {
	for _, verb := range []string{"up -d", "create"} {
		for _, flag := range []string{"", " -y"} {
			w := newWorld(t, strings.Fields(verb+flag)...)
			yes := true
			w.questioned("Volume \"v\" does not match. Make it anew?", &yes)
			w.run()
			told := strings.Contains(w.stderr.String(), "warning: --yes does not agree to losing data, only --accept-volume-removal does: Volume \"v\" does not match\n")
			if yes || told != (flag != "") {
				t.Errorf("%s%s: answer %t, %q", verb, flag, yes, w.stderr.String())
			}
		}
	}
}

func TestRunRefusesATerminalThatInputCannotHave(t *testing.T) {
	for _, line := range []string{"run -it web", "run -t web", "run -dt web", "--dry-run run -t web"} {
		w := newWorld(t, strings.Fields(line)...)
		if code := w.run(); code != 1 || !strings.HasPrefix(w.stderr.String(), "the input device is not a TTY") || len(w.app.requests) > 0 {
			t.Errorf("%s: exit code %d, %q, %v", line, code, w.stderr.String(), w.app.requests)
		}
	}
}
