// Package plan compares what a project is to be with what it is and works out
// the operations that lead from one to the other, each with its cause. A plan is
// data: nothing here talks to an engine, asks a question or prints. What needs
// consent and what stands in the way are part of the plan.
package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/graph"
)

// Plan is a graph of operations. An empty one means that nothing is to be done.
type Plan struct {
	Project string
	nodes   *graph.Graph[*Node]
	// Unchanged are the containers that already are as they should be.
	Unchanged []Ref
	// Resting are the IDs of those that do not run, and need not.
	Resting map[string]bool
	// Warnings are told before anything is done.
	Warnings []string
	// Problems make the plan impossible; all are reported together.
	Problems []Problem
	// Consents are what a person must agree to for the plan to go further.
	Consents []Consent
}

// Node is one operation with its place in the order and its reason.
type Node struct {
	ID    string // such as "container/web-1/create"
	Op    Operation
	Cause string
	// Changes are the differing fields behind Cause.
	Changes []engine.Change
	Service string
	// Repeat marks the start of a one-shot that has ended well: up runs it
	// again, but nothing has changed.
	Repeat bool
	// Unit names the replacement this node belongs to. Once a node of a unit
	// that is Committing has begun, the rest of the unit is carried through, so
	// that an interruption leaves either the old container or the new one.
	Unit       string
	Committing bool
	// Counted: a failure does not end the run, but counts against the update of
	// the service, at its check.
	Counted bool
}

// Ref names a container: one the engine has, or the one a node creates.
type Ref struct {
	ID      string
	From    string // the ID of the CreateContainer node
	Name    string // its final name
	Service string
}

// Problem is a reason why a plan cannot be carried out.
type Problem struct {
	Where string // the key in the files, such as networks.front
	Text  string
	Hint  string
}

// Error gives "where: text".
func (p Problem) Error() string {
	if p.Where == "" {
		return p.Text
	}
	return p.Where + ": " + p.Text
}

// Consent is a question that must be answered with yes before data may be lost.
type Consent struct {
	Volume   string
	Question string
}

// New returns an empty plan.
func New(project string) *Plan {
	return &Plan{Project: project, Resting: map[string]bool{}, nodes: graph.New[*Node]()}
}

// Empty tells whether the plan has no operation.
func (p *Plan) Empty() bool { return p.nodes.Len() == 0 }

// Graph is the plan's operations and their order.
func (p *Plan) Graph() *graph.Graph[*Node] { return p.nodes }

// Nodes lists the operations, each after what it needs, in a fixed order.
func (p *Plan) Nodes() ([]*Node, error) {
	ids, err := p.nodes.Order()
	if err != nil {
		return nil, err
	}
	out := make([]*Node, len(ids))
	for i, id := range ids {
		out[i] = p.nodes.Value(id)
	}
	return out, nil
}

// Add puts a node into the plan after all of needs, and returns its ID.
func (p *Plan) Add(n Node, needs ...string) string {
	p.nodes.Add(n.ID, &n)
	for _, dep := range needs {
		if dep != "" && dep != n.ID {
			p.nodes.Need(n.ID, dep)
		}
	}
	return n.ID
}

func (p *Plan) problem(where, hint, format string, args ...any) {
	p.Problems = append(p.Problems, Problem{Where: where, Hint: hint, Text: fmt.Sprintf(format, args...)})
}

// warnOnce warns unless it has been said before.
func (p *Plan) warnOnce(text string) {
	if !slices.Contains(p.Warnings, text) {
		p.Warnings = append(p.Warnings, text)
	}
}

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// String is the plan as text: a line per operation in order, with its cause,
// its differing fields and what it waits for. Goldens and --dry-run show it.
func (p *Plan) String() string {
	nodes, err := p.Nodes()
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, pr := range p.Problems {
		fmt.Fprintf(&b, "problem: %s\n", pr.Error())
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, c := range p.Consents {
		fmt.Fprintf(&b, "consent: %s\n", c.Question)
	}
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s: %s", n.ID, n.Op)
		if n.Cause != "" {
			fmt.Fprintf(&b, " because %s", n.Cause)
		}
		if needs := p.nodes.Needs(n.ID); len(needs) > 0 {
			fmt.Fprintf(&b, " [after %s]", strings.Join(needs, ", "))
		}
		b.WriteByte('\n')
		for _, c := range n.Changes {
			fmt.Fprintf(&b, "    %s\n", FormatChange(c))
		}
	}
	return b.String()
}

// FormatChange writes a change as `path: "old" -> "new"`, secrets masked.
func FormatChange(c engine.Change) string {
	if c.Secret {
		return c.Path + ": (secret changed)"
	}
	return fmt.Sprintf("%s: %s -> %s", c.Path, quoteOrNone(c.Old), quoteOrNone(c.New))
}

func quoteOrNone(s string) string {
	switch s {
	case "":
		return "(none)"
	case `""`:
		return s
	}
	return fmt.Sprintf("%q", s)
}
