package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// maskedValue stands for values that must not be seen.
const maskedValue = "(sensitive value)"

// Actions of a PlanRow that have a sign and a place in the summary of their
// own; other words are printed as they are and counted as they come.
const (
	PlanCreate   = "create"
	PlanRecreate = "recreate"
	PlanUpdate   = "update"
	PlanStart    = "start"
	PlanStop     = "stop"
	PlanRemove   = "remove"
	PlanCheck    = "check" // changes nothing, and is not counted
)

// PlanRow is one step of a plan, for people.
type PlanRow struct {
	Action   string // create, recreate, start, stop, remove, update, connect, ...
	Resource string // Container, Network, ...
	Name     string
	Cause    string // why it is done
	Changes  []engine.Change
	// Repeat says that it runs something again that has ended well, which
	// changes nothing.
	Repeat bool
	// Warning is what the step costs, such as the loss of a volume's data.
	Warning string
}

// PlanOptions say what stands around the steps.
type PlanOptions struct {
	Unchanged int // resources the plan does not touch
	DryRun    bool
}

// Plan prints the steps of a plan and their sum. Without steps it says that
// there is nothing to do.
func Plan(t Terminal, rows []PlanRow, o PlanOptions) error {
	color := painter(t.OutColor)
	var b strings.Builder
	for _, r := range rows {
		planStep(&b, color, r)
	}
	if len(rows) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(color(bold, planSummary(rows, o)) + "\n")
	_, err := io.WriteString(t.Out, b.String())
	return err
}

func planStep(b *strings.Builder, color func(c, s string) string, r PlanRow) {
	sign, c := planSign(r.Action)
	name := strings.TrimSpace(r.Resource + " " + r.Name)
	fmt.Fprintf(b, "%s %s", color(c, fit(pad(sign, 3), 3)), color(bold, name)+" "+color(c, planPhrase(r)))
	if r.Cause != "" {
		b.WriteString(color(faint, "  # "+oneLine(r.Cause)))
	}
	b.WriteByte('\n')
	if r.Warning != "" {
		b.WriteString("      " + color(red, "! "+oneLine(r.Warning)) + "\n")
	}
	width := 0
	for _, change := range r.Changes {
		width = max(width, min(textWidth(change.Path), 40))
	}
	for _, change := range r.Changes {
		planChange(b, color, change, width)
	}
}

// planChange writes "~ image: "a" -> "b"", or only one side for what comes or goes.
func planChange(b *strings.Builder, color func(c, s string) string, change engine.Change, width int) {
	before, after := planValue(change.Old, change.Secret), planValue(change.New, change.Secret)
	path := pad(oneLine(change.Path), width)
	switch {
	case change.Secret:
		fmt.Fprintf(b, "      %s %s = %s\n", color(yellow, "~"), path, maskedValue)
	case change.Old == "":
		fmt.Fprintf(b, "      %s %s = %s\n", color(green, "+"), path, after)
	case change.New == "":
		fmt.Fprintf(b, "      %s %s = %s\n", color(red, "-"), path, before)
	default:
		fmt.Fprintf(b, "      %s %s = %s -> %s\n", color(yellow, "~"), path, before, after)
	}
}

// planValue quotes a value where it would be unclear where it begins and ends.
func planValue(v string, secret bool) string {
	switch {
	case secret:
		return maskedValue
	case v == "" || strings.TrimSpace(v) != v || oneLine(v) != v:
		return fmt.Sprintf("%q", v)
	}
	return v
}

func planSign(action string) (sign, color string) {
	switch action {
	case PlanCreate:
		return "  +", green
	case PlanRecreate:
		return "-/+", magenta
	case PlanRemove:
		return "  -", red
	case PlanStart:
		return "  >", green
	case PlanStop:
		return "  <", yellow
	case PlanCheck:
		return "  ?", faint
	}
	return "  ~", yellow
}

// planPhrase is what a row says will happen.
func planPhrase(r PlanRow) string {
	switch {
	case r.Repeat:
		return "runs again (does not count as a change)"
	case r.Action == "up":
		return "will be brought up by its provider"
	case r.Action == PlanCheck:
		return "must be good before the next step"
	case r.Action == "down":
		return "will be taken down by its provider"
	case strings.Contains(r.Action, "_"): // post_start, pre_stop
		return "will run its " + r.Action + " hooks"
	}
	return "will be " + planWord(r.Action)
}

// planVerb is an action in the summary.
func planVerb(action string) string {
	switch {
	case action == "up":
		return "bring up"
	case action == "down":
		return "take down"
	case strings.Contains(action, "_"):
		return "run hooks on"
	}
	return action
}

// planWord is the participle of an action.
func planWord(action string) string {
	switch {
	case action == PlanStop:
		return "stopped"
	case action == "build":
		return "built"
	case action == "run":
		return "run"
	case strings.HasSuffix(action, "e"):
		return action + "d"
	}
	return action + "ed"
}

// planSummary is "Plan: 2 to create, 1 to recreate, 0 to remove, 3 unchanged."
func planSummary(rows []PlanRow, o PlanOptions) string {
	counts := map[string]int{}
	var order []string
	for _, r := range rows {
		if r.Repeat || r.Action == PlanCheck {
			continue
		}
		if counts[r.Action]++; counts[r.Action] == 1 {
			order = append(order, r.Action)
		}
	}
	if len(order) == 0 {
		return fmt.Sprintf("Nothing to do: %d unchanged.", o.Unchanged)
	}
	var parts []string
	for _, action := range []string{PlanCreate, PlanRecreate, PlanUpdate, PlanStart, PlanStop, PlanRemove} {
		always := action == PlanCreate || action == PlanRecreate || action == PlanRemove
		if counts[action] > 0 || always {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[action], action))
		}
		delete(counts, action)
	}
	for _, action := range order {
		if n := counts[action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, planVerb(action)))
		}
	}
	title := "Plan: "
	if o.DryRun {
		title = "Plan (dry run): "
	}
	return title + strings.Join(parts, ", ") + fmt.Sprintf(", %d unchanged.", o.Unchanged)
}
