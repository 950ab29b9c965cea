package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// Step is one operation in the form that `plan --format json` prints; its
// fields are described in docs/plan.md.
type Step struct {
	ID        string          `json:"id"`
	Action    string          `json:"action"`
	Resource  string          `json:"resource"`
	Name      string          `json:"name"`
	Service   string          `json:"service,omitempty"`
	Container string          `json:"container_id,omitempty"`
	Cause     string          `json:"cause,omitempty"`
	Changes   []engine.Change `json:"changes,omitempty"`
	After     []string        `json:"after,omitempty"`
	// Part says that the step is one of a replacement or of a creation that
	// another step stands for.
	Part bool `json:"part,omitempty"`
	// Repeat says that the step runs a one-shot again that has ended well. It
	// does not count as a change, and neither does waiting.
	Repeat bool `json:"repeat,omitempty"`
}

// IsChange tells whether the step counts as a change.
func (s Step) IsChange() bool { return !s.Repeat && s.Action != "wait" }

// Steps lists the operations in order. The values of secrets are left out.
func (p *Plan) Steps() ([]Step, error) {
	nodes, err := p.Nodes()
	if err != nil {
		return nil, err
	}
	created := map[string]bool{}
	for _, n := range nodes {
		if op, ok := n.Op.(CreateContainer); ok {
			created[op.Final] = true
		}
	}
	out := make([]Step, len(nodes))
	for i, n := range nodes {
		s := describe(n.Op)
		s.ID, s.Service, s.Cause, s.After = n.ID, n.Service, n.Cause, p.nodes.Needs(n.ID)
		s.Changes, s.Repeat = masked(n.Changes), n.Repeat
		switch n.Op.(type) {
		case CreateContainer, CreateNetwork, RemoveNetwork, CreateVolume, RemoveVolume: // these stand for themselves
		case Start, CopyFiles, Hook:
			s.Part = created[s.Name]
		default:
			s.Part = n.Unit != ""
		}
		out[i] = s
	}
	return out, nil
}

func masked(changes []engine.Change) []engine.Change {
	out := make([]engine.Change, len(changes))
	for i, c := range changes {
		if c.Secret {
			c.Old, c.New = "", ""
		}
		out[i] = c
	}
	return out
}

// describe gives an operation's action and what it is done to.
func describe(op Operation) Step {
	switch o := op.(type) {
	case CreateNetwork:
		return Step{Action: "create", Resource: "network", Name: o.Spec.Name}
	case RemoveNetwork:
		return Step{Action: "remove", Resource: "network", Name: o.Name}
	case CreateVolume:
		return Step{Action: "create", Resource: "volume", Name: o.Spec.Name}
	case RemoveVolume:
		return Step{Action: "remove", Resource: "volume", Name: o.Name}
	case RemoveImage:
		return Step{Action: "remove", Resource: "image", Name: o.Ref}
	case Provide:
		return Step{Action: o.Action, Resource: "service", Name: o.Service}
	case Wait:
		return Step{Action: "wait", Resource: "service", Name: waitName(o)}
	case Delay:
		return Step{Action: "wait", Resource: "service", Name: o.Service + " " + o.For.String()}
	case CreateContainer:
		if o.Replaces != nil {
			return Step{Action: "recreate", Resource: "container", Name: o.Final, Container: o.Replaces.ID}
		}
		return Step{Action: "create", Resource: "container", Name: o.Final}
	}
	return describeContainer(op)
}

// describeContainer is describe for what is done to a container that there is.
func describeContainer(op Operation) Step {
	container := func(action string, ref Ref) Step {
		return Step{Action: action, Resource: "container", Name: ref.Name, Container: ref.ID}
	}
	switch o := op.(type) {
	case Rename:
		return container("rename", Ref{ID: o.Container.ID, Name: o.Name})
	case Start:
		return container("start", o.Container)
	case Stop:
		return container("stop", o.Container)
	case Restart:
		return container("restart", o.Container)
	case Kill:
		return container("kill", o.Container)
	case Pause:
		return container("pause", o.Container)
	case Unpause:
		return container("unpause", o.Container)
	case Remove:
		return container("remove", o.Container)
	case CopyFiles:
		return container("copy-files", o.Container)
	case Hook:
		return container(o.Phase, o.Container)
	case Connect:
		return container("connect", o.Container)
	case Disconnect:
		return container("disconnect", o.Container)
	}
	return Step{Action: op.String()}
}

func waitName(w Wait) string {
	if w.Service != "" {
		return w.Service + " " + string(w.Condition)
	}
	return "all " + string(w.Condition)
}

// Fingerprint identifies what a plan would do to what: two plans with the same
// one ask for the same operations on the same objects with the same specs.
func (p *Plan) Fingerprint() (string, error) {
	nodes, err := p.Nodes()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, n := range nodes {
		step := describe(n.Op)
		fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00", n.ID, n.Op, step.Container, strings.Join(p.nodes.Needs(n.ID), ","))
		if op, ok := n.Op.(CreateContainer); ok {
			var pairs []string
			for k, v := range op.Spec.Labels {
				pairs = append(pairs, k+"="+v)
			}
			sort.Strings(pairs)
			fmt.Fprintf(h, "%s\x00%v\x00", strings.Join(pairs, "\x01"), op.Spec.Mounts)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
