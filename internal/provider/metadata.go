package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// metadataLimit is how long a provider may take to describe itself.
const metadataLimit = 10 * time.Second

// metadata is how a provider describes its commands.
type metadata struct {
	Up   *command `json:"up"`
	Down *command `json:"down"`
	Stop *command `json:"stop"`
}

type command struct {
	Parameters []parameter `json:"parameters"`
}

// parameter is one option of a command.
type parameter struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Type     string `json:"type"` // string, integer, boolean, ...
	Enum     string `json:"enum"` // allowed values, comma-separated
}

// metadata asks a provider for its description. One that has none, or that
// cannot be read, is called without checks.
func (r *Runner) metadata(ctx context.Context, path string) metadata {
	ctx, cancel := context.WithTimeout(ctx, metadataLimit)
	defer cancel()
	var text strings.Builder
	err := r.run(ctx, process{
		path: path, args: []string{"compose", "metadata"},
		line: func(line string) error {
			text.WriteString(line + "\n")
			if text.Len() > maxLine {
				return fmt.Errorf("the description is longer than %d bytes", maxLine)
			}
			return nil
		},
	})
	var m metadata
	if err != nil || json.Unmarshal([]byte(text.String()), &m) != nil {
		return metadata{}
	}
	return m
}

func (m metadata) command(action string) *command {
	switch action {
	case "up":
		return m.Up
	case "down":
		return m.Down
	case "stop":
		return m.Stop
	}
	return nil
}

// flags writes a service's options as flags of a command: those that it knows,
// or all where the provider does not describe it. unknown are those that none
// of the provider's commands knows.
func (m metadata) flags(options types.MultiOptions, action string) (flags, unknown []string, err error) {
	described := m.command(action)
	known := map[string]parameter{}
	if described != nil {
		for _, p := range described.Parameters {
			known[p.Name] = p
			if p.Required && len(options[p.Name]) == 0 {
				return nil, nil, fmt.Errorf("option %q is required: add it under provider.options", p.Name)
			}
		}
	}
	for _, name := range sortedKeys(options) {
		p, ok := known[name]
		if described != nil && !ok {
			if !m.knows(name) {
				unknown = append(unknown, name)
			}
			continue
		}
		for _, value := range options[name] {
			if err := p.check(name, value); err != nil {
				return nil, nil, err
			}
			flags = append(flags, "--"+name+"="+value)
		}
	}
	return flags, unknown, nil
}

// knows tells whether any command knows an option.
func (m metadata) knows(name string) bool {
	for _, c := range []*command{m.Up, m.Down, m.Stop} {
		if c != nil && slices.ContainsFunc(c.Parameters, func(p parameter) bool { return p.Name == name }) {
			return true
		}
	}
	return false
}

// check compares a value with what the provider says of the option.
func (p parameter) check(name, value string) error {
	switch p.Type {
	case "integer":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return fmt.Errorf("option %s: %q is no integer", name, shorten(value))
		}
	case "boolean":
		if _, err := strconv.ParseBool(value); err != nil {
			return fmt.Errorf("option %s: %q is neither true nor false", name, shorten(value))
		}
	}
	if p.Enum == "" {
		return nil
	}
	allowed := strings.Split(p.Enum, ",")
	for i := range allowed {
		allowed[i] = strings.TrimSpace(allowed[i])
	}
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("option %s: %q is none of %s", name, shorten(value), strings.Join(allowed, ", "))
	}
	return nil
}
