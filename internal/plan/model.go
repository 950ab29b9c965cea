package plan

import (
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/graph"
	"github.com/berth-dev/berth/pkg/labels"
)

// Model is what the verbs that work on existing containers know of a project:
// the files where there are some, the containers' labels otherwise.
type Model struct {
	Project string
	// DependsOn are the dependencies by service.
	DependsOn map[string][]desired.Dependency
	// PreStop and PostStart are the hooks by service; only files tell them.
	PreStop, PostStart map[string][]engine.Hook
	// Checked tells which services configure a health check.
	Checked map[string]bool
	// Providers are the services that external providers run.
	Providers map[string]engine.Provider
	// Known names every service the files declare, for the question of what is an
	// orphan; Active those among them that are on, which is what a command without
	// services works on. Both are nil without files.
	Known, Active map[string]bool
	// Volumes are the names of the volumes by the active service that mounts
	// them, external ones left out; under no name those that nothing mounts. Nil
	// without files.
	Volumes map[string][]string
	// Scale is how many containers each active service is to have; nil without files.
	Scale map[string]int
	// Networks names the networks that active services are on; nil without files.
	Networks map[string]bool
}

// ModelOf reads the model from the desired state.
func ModelOf(d *desired.State) Model {
	m := Model{
		Project: d.Project, DependsOn: map[string][]desired.Dependency{}, PreStop: map[string][]engine.Hook{},
		PostStart: map[string][]engine.Hook{}, Checked: map[string]bool{}, Providers: map[string]engine.Provider{},
		Known: d.Known, Active: map[string]bool{}, Volumes: volumesByService(d),
		Scale: map[string]int{}, Networks: map[string]bool{},
	}
	for _, n := range d.Networks {
		m.Networks[n.Spec.Name] = true
	}
	for _, svc := range d.Services {
		m.Active[svc.Name] = true
		m.Scale[svc.Name] = svc.Scale
		m.DependsOn[svc.Name] = svc.DependsOn
		m.PreStop[svc.Name] = svc.Config.PreStop
		m.PostStart[svc.Name] = svc.Config.PostStart
		m.Checked[svc.Name] = checked(svc)
		if svc.Config.Provider != nil {
			m.Providers[svc.Name] = *svc.Config.Provider
		}
	}
	return m
}

func volumesByService(d *desired.State) map[string][]string {
	names := map[string]string{}
	for _, v := range d.Volumes {
		if !v.External {
			names[v.Key] = v.Spec.Name
		}
	}
	out := map[string][]string{}
	used := map[string]bool{}
	for _, svc := range d.Services {
		for _, m := range svc.Config.Volumes {
			if name := names[m.Source]; name != "" {
				used[m.Source] = true
				out[svc.Name] = append(out[svc.Name], name)
			}
		}
	}
	for _, key := range sortedKeys(names) {
		if !used[key] { // it is there because all resources were asked for
			out[""] = append(out[""], names[key])
		}
	}
	return out
}

// ModelFromLabels reads the model from the labels of a project's containers,
// for commands that are given no file.
func ModelFromLabels(a *actual.State) Model {
	m := Model{Project: a.Project, DependsOn: map[string][]desired.Dependency{}}
	for _, c := range a.Containers {
		service := c.Labels[labels.Service]
		if _, seen := m.DependsOn[service]; seen || service == "" {
			continue
		}
		m.DependsOn[service] = parseDependsOn(c.Labels[labels.DependsOn])
	}
	return m
}

// parseDependsOn reads "service:condition:restart,..."; older versions of docker
// compose wrote only "service,...".
func parseDependsOn(label string) []desired.Dependency {
	var out []desired.Dependency
	for _, entry := range strings.Split(label, ",") {
		if entry == "" {
			continue
		}
		parts := strings.Split(entry, ":")
		d := desired.Dependency{Service: parts[0], Condition: types.ServiceConditionStarted, Required: true}
		if len(parts) > 1 {
			d.Condition = parts[1]
		}
		if len(parts) > 2 {
			d.Restart = parts[2] == "true"
		}
		out = append(out, d)
	}
	return out
}

// WithDependencies adds to services those they depend on, directly or through
// others, and sorts them. An empty list stays empty: it means all services.
func (m Model) WithDependencies(services []string) []string {
	in := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if in[name] {
			return
		}
		in[name] = true
		for _, d := range m.DependsOn[name] {
			add(d.Service)
		}
	}
	for _, name := range services {
		add(name)
	}
	return sortedKeys(in)
}

// graph gives the dependencies between the services of a snapshot.
func (m Model) graph(services []string) (*graph.Graph[bool], error) {
	g := graph.New[bool]()
	for _, name := range services {
		g.Add(name, true)
		for _, d := range m.DependsOn[name] {
			g.Need(name, d.Service)
		}
	}
	if err := g.Cycle(); err != nil {
		return nil, fmt.Errorf("depends_on: dependency %w", err)
	}
	return g, nil
}
