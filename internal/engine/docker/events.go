package docker

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// eventBuffer is how many events wait for a busy reader before the engine is
// slowed down.
const eventBuffer = 256

// Events opens the engine's event stream and returns once the engine has
// accepted it, so that nothing that happens afterwards is missed. With a
// project, the stream carries what the engine labels with it: containers and
// images; network and volume events carry no labels.
func (e *Engine) Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error) {
	const op = "follow events"
	if err := e.ready(ctx, op, ""); err != nil {
		return engine.EventStream{}, err
	}
	args := filters.NewArgs()
	if filter.Project != "" {
		args.Add("label", labels.Project+"="+filter.Project)
	}
	for _, kind := range filter.Kinds {
		args.Add("type", kind)
	}
	messages, failures := e.cli.Events(ctx, events.ListOptions{Since: filter.Since, Until: filter.Until, Filters: args})
	select {
	case err := <-failures:
		if !errors.Is(err, io.EOF) || filter.Until == "" {
			return engine.EventStream{}, e.fail(ctx, op, "", err)
		}
		return endedStream(), nil
	default:
	}
	out := make(chan engine.Event, eventBuffer)
	var end error
	go func() {
		defer close(out)
		end = e.pump(ctx, messages, failures, out)
		if errors.Is(end, io.EOF) && filter.Until != "" || ctx.Err() != nil {
			end = nil
		}
		if end != nil {
			end = e.streamEnded(ctx, op, end)
		}
	}()
	return engine.EventStream{C: out, Err: func() error { return end }}, nil
}

// streamEnded is the error for an event stream that ends by itself.
func (e *Engine) streamEnded(ctx context.Context, op string, err error) error {
	if isBroken(err) { // in whatever state the last attempt to connect was
		return &engine.Error{Op: op, Kind: engine.ErrUnreachable, Text: e.broke(err)}
	}
	return e.fail(context.WithoutCancel(ctx), op, "", err)
}

// endedStream is a stream without events.
func endedStream() engine.EventStream {
	out := make(chan engine.Event)
	close(out)
	return engine.EventStream{C: out, Err: func() error { return nil }}
}

// pump passes events on until the stream or the context ends.
func (e *Engine) pump(ctx context.Context, messages <-chan events.Message, failures <-chan error, out chan<- engine.Event) error {
	for {
		select {
		case message := <-messages:
			select {
			case out <- convertEvent(message):
			case <-ctx.Done():
				return ctx.Err()
			}
		case err := <-failures:
			return err
		}
	}
}

// convertEvent divides an action such as "health_status: healthy" into action
// and detail, and takes the name out of the attributes. Joined by ": " again the
// two are what the engine said, such as "exec_create: true " with its last blank.
func convertEvent(message events.Message) engine.Event {
	action, detail, _ := strings.Cut(string(message.Action), ":")
	event := engine.Event{
		Time: time.Unix(message.Time, 0), Kind: string(message.Type), Action: action, Detail: strings.TrimPrefix(detail, " "),
		ID: message.Actor.ID, Name: message.Actor.Attributes["name"], Attributes: maps.Clone(message.Actor.Attributes),
	}
	if message.TimeNano > 0 {
		event.Time = time.Unix(0, message.TimeNano)
	}
	return event
}
