package execute

import (
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
)

// steps are the words with which an operation is told of. An empty word is not
// told.
type steps struct {
	resource, name string
	begin, end     event.Status
}

// phase is what the end word means: a replacement's end is only one of its
// container's, so everything told at an end is done.
func (steps) phase() event.Phase { return event.Done }

func stepsOf(op plan.Operation) steps {
	switch o := op.(type) {
	case plan.CreateNetwork:
		return steps{event.Network, o.Spec.Name, event.Creating, event.Created}
	case plan.RemoveNetwork:
		return steps{event.Network, o.Name, event.Removing, event.Removed}
	case plan.CreateVolume:
		return steps{event.Volume, o.Spec.Name, event.Creating, event.Created}
	case plan.RemoveVolume:
		return steps{event.Volume, o.Name, event.Removing, event.Removed}
	case plan.RemoveImage:
		return steps{event.Image, o.Ref, event.Removing, event.Removed}
	case plan.Provide:
		if o.Action == "down" {
			return steps{event.Service, o.Service, event.Removing, event.Removed}
		}
		return steps{event.Service, o.Service, event.Creating, event.Created}
	case plan.CreateContainer:
		if o.Replaces != nil {
			return steps{event.Container, o.Final, event.Recreate, ""}
		}
		return steps{event.Container, o.Final, event.Creating, event.Created}
	default:
		return containerSteps(op)
	}
}

func containerSteps(op plan.Operation) steps {
	told := func(ref plan.Ref, begin, end event.Status) steps {
		return steps{event.Container, ref.Name, begin, end}
	}
	switch o := op.(type) {
	case plan.Start:
		return told(o.Container, event.Starting, event.Started)
	case plan.Restart:
		return told(o.Container, event.Restarting, event.Started)
	case plan.Kill:
		return told(o.Container, event.Killing, event.Killed)
	case plan.Pause:
		return told(o.Container, event.Pausing, event.Paused)
	case plan.Unpause:
		return told(o.Container, event.Unpausing, event.Unpaused)
	case plan.Connect:
		return told(o.Container, "", "")
	case plan.Disconnect:
		return told(o.Container, "", "")
	case plan.CopyFiles:
		return told(o.Container, "", "")
	case plan.Hook:
		return told(o.Container, "", "")
	case plan.Stop:
		if o.Replacing {
			return told(o.Container, "", "")
		}
		return told(o.Container, event.Stopping, event.Stopped)
	case plan.Remove:
		if o.Replacing {
			return told(o.Container, "", "")
		}
		return told(o.Container, event.Removing, event.Removed)
	case plan.Rename:
		if o.Retiring {
			return steps{}
		}
		if o.Restoring {
			return steps{event.Container, o.Name, "", event.Restored}
		}
		if o.Replacing {
			return steps{event.Container, o.Name, "", event.Recreated}
		}
		return steps{event.Container, o.Name, event.Renaming, event.Renamed}
	}
	return steps{} // a Wait tells of its containers one by one, and a Delay only passes
}

// containerOf is the container that an operation is about; false for those that
// are about none, several, or one that is yet to be made.
func containerOf(op plan.Operation) (plan.Ref, bool) {
	switch o := op.(type) {
	case plan.Start:
		return o.Container, true
	case plan.Stop:
		return o.Container, true
	case plan.Restart:
		return o.Container, true
	case plan.Kill:
		return o.Container, true
	case plan.Pause:
		return o.Container, true
	case plan.Unpause:
		return o.Container, true
	case plan.Remove:
		return o.Container, true
	case plan.Rename:
		return o.Container, true
	case plan.CopyFiles:
		return o.Container, true
	case plan.Connect:
		return o.Container, true
	case plan.Disconnect:
		return o.Container, true
	}
	return plan.Ref{}, false
}

func (r *run) emit(n *plan.Node, s steps, status event.Status, phase event.Phase, text string) {
	if status == "" || s.resource == "" {
		return
	}
	r.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: r.now(), Kind: event.KindStatus, Project: r.p.Project,
		Resource: s.resource, Name: s.name, Service: n.Service, Status: status, Phase: phase, Text: text,
		DryRun: r.opt.DryRun,
	})
}

// tell emits a container's status on behalf of a wait.
func (r *run) tell(ref plan.Ref, status event.Status, phase event.Phase, code *int) {
	r.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: r.now(), Kind: event.KindStatus, Project: r.p.Project,
		Resource: event.Container, Name: ref.Name, Service: ref.Service, Status: status, Phase: phase, ExitCode: code,
	})
}

// warn tells a warning, once however many containers it is about.
func (r *run) warn(service, text string) {
	r.mu.Lock()
	again := r.told[service+": "+text]
	r.told[service+": "+text] = true
	r.mu.Unlock()
	if again {
		return
	}
	r.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: r.now(), Kind: event.KindWarning, Project: r.p.Project, Service: service, Text: text,
	})
}
