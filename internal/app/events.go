package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/pkg/labels"
)

// EventsRequest asks what happens to a project's containers.
type EventsRequest struct {
	Project  ProjectOptions
	Services []string
	// Since and Until are times in every form that logs takes. With Until the
	// events end then.
	Since, Until string
}

// EventRow is one event of a container. Its attributes are without the labels
// that every container of a project has.
type EventRow struct {
	engine.Event
	Service string
}

// Events gives what happens to the containers of services, as it happens, until
// the context ends.
func (a *App) Events(ctx context.Context, r EventsRequest, each func(EventRow) error) error {
	filter := engine.EventFilter{Kinds: []string{"container"}}
	var err error
	if filter.Since, err = eventTime("--since", r.Since); err != nil {
		return err
	}
	if filter.Until, err = eventTime("--until", r.Until); err != nil {
		return err
	}
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return err
	}
	if err := found.check(r.Services); err != nil {
		return err
	}
	filter.Project = found.state.Project
	streaming, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := a.engine.Events(streaming, filter)
	if err != nil {
		return err
	}
	for e := range stream.C {
		row, ok := eventRow(e, r.Services)
		if !ok {
			continue
		}
		if err := each(row); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return stream.Err()
}

// eventRow leaves out one-off containers and those of other services.
func eventRow(e engine.Event, services []string) (EventRow, bool) {
	service := e.Attributes[labels.Service]
	if labels.IsOneOff(e.Attributes) || len(services) > 0 && !contains(services, service) {
		return EventRow{}, false
	}
	row := EventRow{Event: e, Service: service}
	row.Attributes = map[string]string{}
	for k, v := range e.Attributes {
		if !strings.HasPrefix(k, "com.docker.compose.") && !strings.HasPrefix(k, "dev.berth.") {
			row.Attributes[k] = v
		}
	}
	return row, true
}

// eventTime writes a time as the engine takes it, in unix seconds.
func eventTime(flag, text string) (string, error) {
	t, err := logs.ParseTime(flag, text, time.Now())
	if err != nil || t.IsZero() {
		return "", err
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()), nil
}
