package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// Message types of the protocol.
const (
	msgError     = "error"
	msgInfo      = "info"
	msgSetenv    = "setenv"
	msgRawSetenv = "rawsetenv"
	msgDebug     = "debug"
)

// announced is the variable that tells a provider which messages are understood.
const announced = "COMPOSE_PROVIDER_MESSAGES=" + msgError + "," + msgInfo + "," + msgSetenv + "," + msgRawSetenv + "," + msgDebug

// variable is what a variable's name may be.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Provide asks a service's provider to bring it up, to stop it or to take it
// down: action is up, stop or down. It returns the variables that dependents of
// the service get; those of setenv already bear the service's name in front. A
// provider that does not announce the action stop is not asked for it. The error
// is one line that names the service and the provider.
func (r *Runner) Provide(ctx context.Context, project, service string, config engine.Provider, action string) (map[string]string, error) {
	env, err := r.provide(ctx, project, service, config, action)
	if err != nil {
		return nil, fmt.Errorf("provider %s of %s: %w", config.Type, service, err)
	}
	return env, nil
}

func (r *Runner) provide(ctx context.Context, project, service string, config engine.Provider, action string) (map[string]string, error) {
	path, err := r.find(config.Type)
	if err != nil {
		return nil, err
	}
	about := r.metadata(ctx, path)
	if action == "stop" && about.Stop == nil {
		return nil, nil
	}
	flags, unknown, err := about.flags(config.Options, action)
	if err != nil {
		return nil, err
	}
	for _, name := range unknown {
		r.emit(event.Event{
			Kind: event.KindWarning, Project: project, Service: service,
			Text: fmt.Sprintf("services.%s.provider.options.%s: %s does not know this option: it is left out", service, name, config.Type),
		})
	}
	talk := &conversation{r: r, project: project, service: service, env: map[string]string{}}
	args := append([]string{"compose", "--project-name", project, action}, flags...)
	err = r.run(ctx, process{
		path: path, args: append(args, service), env: []string{announced}, line: talk.message,
		said: func(line string) { r.output(project, event.Service, service, line) },
	})
	if talk.failure != "" && ctx.Err() == nil {
		return nil, fmt.Errorf("%s", talk.failure)
	}
	if err != nil {
		return nil, err
	}
	return talk.env, nil
}

// conversation is what a provider says during one call.
type conversation struct {
	r                *Runner
	project, service string
	env              map[string]string
	failure          string // the first error message
}

// message takes one line.
func (c *conversation) message(line string) error {
	var m struct{ Type, Message string }
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		return fmt.Errorf("it wrote %q, which is no JSON message", shorten(line))
	}
	switch m.Type {
	case msgInfo:
		c.r.output(c.project, event.Service, c.service, m.Message)
	case msgDebug:
		if c.r.opt.Verbose {
			c.r.output(c.project, event.Service, c.service, m.Message)
		}
	case msgError:
		if c.failure == "" {
			c.failure = oneLine(m.Message)
		}
	case msgSetenv, msgRawSetenv:
		return c.setenv(m.Type, m.Message)
	default:
		return fmt.Errorf("it sent a message of type %q, which is not understood here", shorten(m.Type))
	}
	return nil
}

func (c *conversation) setenv(kind, message string) error {
	name, value, ok := strings.Cut(message, "=")
	if !ok || !variable.MatchString(name) {
		return fmt.Errorf("it sent %s %q, which is not NAME=value", kind, shorten(message))
	}
	if kind == msgSetenv {
		name = variablePrefix(c.service) + name
	}
	c.env[name] = value
	return nil
}

// variablePrefix makes "MY_DB_" of "my-db".
func variablePrefix(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, name) + "_"
}

// shorten bounds what an error quotes.
func shorten(text string) string {
	const most = 120
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
