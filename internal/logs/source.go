package logs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// Source is the container that a line or note comes from.
type Source struct {
	ID        string
	Project   string
	Service   string
	Container string // the full name, such as "app-web-1"
	// Display is the name to show: "web-1" for a container with a generated
	// name, else its full name.
	Display string
	Number  int // the replica's number within its service; 0 for none
}

// SourceOf describes a container of the engine's list.
func SourceOf(c engine.Container) Source { return newSource(c.ID, c.Name, c.Labels) }

// newSource reads the labels, which container events carry as well.
func newSource(id, name string, l map[string]string) Source {
	s := Source{
		ID:        id,
		Project:   l[labels.Project],
		Service:   l[labels.Service],
		Container: strings.TrimPrefix(name, "/"),
		Number:    labels.ReplicaNumber(l),
	}
	s.Display = display(s)
	return s
}

// display shortens generated names.
func display(s Source) string {
	if final, ok := s.generated(); ok {
		return strings.TrimPrefix(final, s.Project)[1:]
	}
	return s.Container
}

// finalName is the name that the container has in the end: one that is about
// to replace another carries the generated name as the end of a temporary one
// until its predecessor is gone.
func (s Source) finalName() string {
	if final, ok := s.generated(); ok {
		return final
	}
	return s.Container
}

// generated is the name made of project, service and number, if the container
// has it or will have it.
func (s Source) generated() (name string, ok bool) {
	if s.Service == "" || s.Number == 0 {
		return "", false
	}
	for _, separator := range []string{"-", "_"} {
		name = s.Project + separator + s.Service + separator + strconv.Itoa(s.Number)
		if strings.HasSuffix(s.Container, name) {
			return name, true
		}
	}
	return "", false
}

// selection tells which containers of a project are meant.
type selection struct {
	project  string
	services []string
	index    int
}

// has looks at a container's labels. One-off and hook containers belong to the
// command that runs them.
func (s selection) has(l map[string]string) bool {
	if l[labels.Project] != s.project || labels.IsOneOff(l) || labels.IsHook(l) {
		return false
	}
	if len(s.services) > 0 && !slices.Contains(s.services, l[labels.Service]) {
		return false
	}
	return s.index == 0 || labels.ReplicaNumber(l) == s.index
}

// Select returns the containers that the options mean, in the order of their
// services and numbers.
func Select(containers []engine.Container, options Options) []engine.Container {
	want := selection{project: options.Project, services: options.Services, index: options.Index}
	return want.from(containers)
}

// from filters and sorts a list.
func (s selection) from(containers []engine.Container) []engine.Container {
	var selected []engine.Container
	for _, c := range containers {
		if s.has(c.Labels) {
			selected = append(selected, c)
		}
	}
	slices.SortStableFunc(selected, func(a, b engine.Container) int {
		if d := strings.Compare(a.Labels[labels.Service], b.Labels[labels.Service]); d != 0 {
			return d
		}
		return labels.ReplicaNumber(a.Labels) - labels.ReplicaNumber(b.Labels)
	})
	return selected
}
