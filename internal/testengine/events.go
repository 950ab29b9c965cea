package testengine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// Event is what the engine says has happened.
type Event struct {
	// Type is "container", "network", "volume" or "image"; Action is such as
	// "start", "die" or "health_status: healthy".
	Type, Action string
	// Attributes are the object's labels, and "name", "exitCode" and the like.
	Attributes map[string]string
	// Time is the engine's clock.
	Time time.Time
}

// Events returns what happened between the two times, oldest first, to what
// carries the label ("key=value").
func (e *Engine) Events(ctx context.Context, since, until time.Time, label string) ([]Event, error) {
	filters, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		return nil, err
	}
	query := url.Values{"since": {unixTime(since)}, "until": {unixTime(until)}, "filters": {string(filters)}}
	content, err := e.raw(ctx, http.MethodGet, "/events?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var events []Event
	for decoder := json.NewDecoder(bytes.NewReader(content)); ; {
		var read struct {
			Type, Action string
			Actor        struct{ Attributes map[string]string }
			TimeNano     int64
		}
		err := decoder.Decode(&read)
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		events = append(events, Event{read.Type, read.Action, read.Actor.Attributes, time.Unix(0, read.TimeNano)})
	}
}

// ProjectEvents returns what has happened to a project since that time.
func ProjectEvents(t testing.TB, project string, since time.Time) []Event {
	t.Helper()
	engine := Require(t)
	events, err := engine.Events(t.Context(), since, time.Now(), projectLabel+"="+project)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// unixTime is a time as the engine takes it: seconds and their fraction.
func unixTime(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixNano())/float64(time.Second), 'f', 9, 64)
}
