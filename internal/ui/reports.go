package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// Versions are what `version` tells.
type Versions struct {
	Berth string // with a v in front
	// Compose is the docker compose that berth stands for, with a v in front;
	// empty when berth was called by its own name.
	Compose string
}

// Version prints the version as a line, as the number alone, or as JSON. Under
// docker compose's name the lines are those that scripts look for.
func Version(t Terminal, v Versions, format string, short bool) error {
	number, line := v.Berth, "berth version "+v.Berth
	object := map[string]string{"version": v.Berth}
	if v.Compose != "" {
		number, line = v.Compose, fmt.Sprintf("Docker Compose version %s (berth %s)", v.Compose, v.Berth)
		object = map[string]string{"version": v.Compose, "berth": v.Berth}
	}
	switch {
	case short:
		return writeLine(t.Out, strings.TrimPrefix(number, "v"))
	case format == "json":
		return writeJSON(t.Out, object)
	case format == "" || format == "pretty":
		return writeLine(t.Out, line)
	}
	return fmt.Errorf("--format %q is unknown: use pretty or json", format)
}

// EventRow is one event of `events`.
type EventRow struct {
	engine.Event
	Service string
}

// eventView is an event in JSON, in docker compose's form.
type eventView struct {
	Action     string            `json:"action"`
	Attributes map[string]string `json:"attributes"`
	ID         string            `json:"id"`
	Service    string            `json:"service"`
	Time       time.Time         `json:"time"`
	Type       string            `json:"type"`
}

// Event prints one event, as text or as an object on a line.
func Event(t Terminal, e EventRow, asJSON bool) error {
	attributes := map[string]string{}
	for k, v := range e.Attributes {
		if !strings.HasPrefix(k, "com.docker.compose.") {
			attributes[k] = v
		}
	}
	action := e.Action
	if e.Detail != "" {
		action += ": " + e.Detail
	}
	at := e.Time.In(t.now().Location())
	if asJSON {
		return closedError(writeJSON(t.Out, eventView{
			Action: action, Attributes: attributes, ID: e.ID, Service: e.Service, Time: at, Type: e.Kind,
		}))
	}
	pairs := make([]string, 0, len(attributes))
	for _, k := range sortedKeys(attributes) {
		pairs = append(pairs, k+"="+attributes[k])
	}
	return closedError(writeLine(t.Out, fmt.Sprintf("%s %s %s %s (%s)",
		at.Format("2006-01-02 15:04:05.000000"), e.Kind, oneLine(action), e.ID, oneLine(strings.Join(pairs, ", ")))))
}

// Lines prints plain lines, such as names, on Out.
func Lines(t Terminal, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	return writeLine(t.Out, strings.Join(lines, "\n"))
}

// JSON prints a value on a line of Out.
func JSON(t Terminal, value any) error { return writeJSON(t.Out, value) }

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
