// Package graph is a directed acyclic graph of named nodes with values: build
// it, ask for a cycle as a path or for a deterministic order, or walk it with
// bounded concurrency. It knows nothing of what the nodes mean.
package graph

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Graph holds values of type V under unique IDs, and which of them need which.
// The zero value is not usable; call New.
type Graph[V any] struct {
	values map[string]V
	needs  map[string]map[string]bool
	order  []string // insertion order
}

// New returns an empty graph.
func New[V any]() *Graph[V] {
	return &Graph[V]{values: map[string]V{}, needs: map[string]map[string]bool{}}
}

// Add puts a node into the graph, replacing the value of an existing one.
func (g *Graph[V]) Add(id string, v V) {
	if _, ok := g.values[id]; !ok {
		g.order = append(g.order, id)
	}
	g.values[id] = v
}

// Need says that id comes after dep. Both may be added later; an edge to a node
// that never is added has no effect.
func (g *Graph[V]) Need(id, dep string) {
	if g.needs[id] == nil {
		g.needs[id] = map[string]bool{}
	}
	g.needs[id][dep] = true
}

// Has tells whether the node exists.
func (g *Graph[V]) Has(id string) bool { _, ok := g.values[id]; return ok }

// Value returns a node's value, the zero value for an unknown ID.
func (g *Graph[V]) Value(id string) V { return g.values[id] }

// IDs lists all nodes in the order in which they were added.
func (g *Graph[V]) IDs() []string { return slices.Clone(g.order) }

// Len is the number of nodes.
func (g *Graph[V]) Len() int { return len(g.values) }

// Needs lists what a node comes directly after, sorted.
func (g *Graph[V]) Needs(id string) []string {
	var out []string
	for dep := range g.needs[id] {
		if g.Has(dep) {
			out = append(out, dep)
		}
	}
	sort.Strings(out)
	return out
}

// Depends tells whether id comes after on, directly or through others.
func (g *Graph[V]) Depends(id, on string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		if at == on {
			return true
		}
		seen[at] = true
		for dep := range g.needs[at] {
			if g.Has(dep) && !seen[dep] && visit(dep) {
				return true
			}
		}
		return false
	}
	return visit(id)
}

// CycleError is a cycle, as the path that leads back to its first node.
type CycleError struct{ Path []string }

// Error gives "cycle: a -> b -> a".
func (e *CycleError) Error() string {
	return fmt.Sprintf("cycle: %s", strings.Join(e.Path, " -> "))
}

// Cycle returns a *CycleError naming one cycle, or nil when there is none. The
// same graph always names the same cycle, starting at its smallest ID.
func (g *Graph[V]) Cycle() error {
	state := map[string]int{} // 1: on the path, 2: done
	var path []string
	var visit func(id string) []string
	visit = func(id string) []string {
		state[id] = 1
		path = append(path, id)
		for _, dep := range g.Needs(id) {
			if state[dep] == 1 {
				return rotate(path[slices.Index(path, dep):])
			}
			if state[dep] == 0 {
				if c := visit(dep); c != nil {
					return c
				}
			}
		}
		path = path[:len(path)-1]
		state[id] = 2
		return nil
	}
	for _, id := range g.sorted() {
		if state[id] == 0 {
			if c := visit(id); c != nil {
				return &CycleError{Path: c}
			}
		}
	}
	return nil
}

func rotate(cycle []string) []string {
	first := 0
	for i := range cycle {
		if cycle[i] < cycle[first] {
			first = i
		}
	}
	out := append(slices.Clone(cycle[first:]), cycle[:first]...)
	return append(out, out[0])
}

func (g *Graph[V]) sorted() []string {
	ids := slices.Clone(g.order)
	sort.Strings(ids)
	return ids
}

// Order lists all IDs so that each comes after what it needs; between nodes
// that are free to go, the one added first goes first. It fails with a
// *CycleError.
func (g *Graph[V]) Order() ([]string, error) {
	if err := g.Cycle(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []string
	var visit func(id string)
	rank := make(map[string]int, len(g.order))
	for i, id := range g.order {
		rank[id] = i
	}
	visit = func(id string) {
		seen[id] = true
		deps := g.Needs(id)
		sort.Slice(deps, func(i, j int) bool { return rank[deps[i]] < rank[deps[j]] })
		for _, dep := range deps {
			if !seen[dep] {
				visit(dep)
			}
		}
		out = append(out, id)
	}
	for _, id := range g.order {
		if !seen[id] {
			visit(id)
		}
	}
	return out, nil
}
