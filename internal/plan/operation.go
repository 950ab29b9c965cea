package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// Operation is one thing to be done. The set is closed.
type Operation interface {
	fmt.Stringer
	operation()
}

// Condition is what a Wait waits for.
type Condition string

// The conditions of a Wait.
const (
	// Healthy: every container's health check passes.
	Healthy Condition = "healthy"
	// Completed: every container has exited with code 0.
	Completed Condition = "completed"
	// Ready: healthy, or running for a while where there is no health check, or
	// exited with 0 where nothing restarts it. What --wait means.
	Ready Condition = "ready"
	// Good: as Ready, but for as long as the update asks for, and without any exit
	// that is not the end of a one-shot.
	Good Condition = "good"
)

// CreateNetwork creates a network.
type CreateNetwork struct{ Spec engine.NetworkSpec }

// RemoveNetwork removes a network.
type RemoveNetwork struct{ ID, Name string }

// Connect joins a container to a network.
type Connect struct {
	Container Ref
	Endpoint  engine.Endpoint
}

// Disconnect takes a container off a network.
type Disconnect struct {
	Container Ref
	Network   string // name
	NetworkID string
}

// CreateVolume creates a volume.
type CreateVolume struct{ Spec engine.VolumeSpec }

// RemoveVolume removes a volume and its data.
type RemoveVolume struct{ Name string }

// CreateContainer creates a container under Spec.Name, which is a temporary
// name when it replaces another one.
type CreateContainer struct {
	Spec  engine.ContainerSpec
	Final string // the name it has in the end
	// Replaces is the container it takes the place of.
	Replaces *Ref
	// Network, IPC and PID are containers whose namespaces it joins; VolumesFrom
	// those whose volumes it mounts, each with its mode suffix.
	Network, IPC, PID *Ref
	VolumesFrom       []VolumesFrom
	// Named are containers that the spec refers to by name in these places.
	Named []Ref
	// EnvFrom are provider services whose variables it gets.
	EnvFrom []string
}

// VolumesFrom is a container whose volumes another one mounts.
type VolumesFrom struct {
	Container Ref
	Mode      string // "", ro, rw ...
}

// CopyFiles writes configs and secrets into a created container.
type CopyFiles struct {
	Container Ref
	Files     []engine.File
}

// Start starts a container.
type Start struct {
	Container Ref
	// Ports are the published ports of a container that exists already, whose
	// host ports may have been taken while it was stopped.
	Ports []types.ServicePortConfig
}

// Stop stops a container.
type Stop struct {
	Container Ref
	Timeout   *time.Duration
	Replacing bool // a step of a replacement: not told of
}

// Restart stops and starts a container.
type Restart struct {
	Container Ref
	Timeout   *time.Duration
}

// Kill sends a signal to a container.
type Kill struct {
	Container Ref
	Signal    string
}

// Pause freezes a container.
type Pause struct{ Container Ref }

// Unpause lets a container go on.
type Unpause struct{ Container Ref }

// Remove removes a container.
type Remove struct {
	Container Ref
	Force     bool
	Volumes   bool // its anonymous volumes too
	// Anonymous are volumes it inherited as anonymous ones, to go with Volumes.
	Anonymous []string
	Replacing bool // a step of a replacement: not told of
	// Retired is the name that the container had until an update took it away. It
	// is kept to take that back; empty for all others.
	Retired string
	// Stops: if it runs by then, as an engine may still finish what a killed
	// command has asked for, it is stopped first.
	Stops bool
}

// Rename gives a container its final name.
type Rename struct {
	Container Ref
	Name      string
	Replacing bool
	// Retiring: it is the old container of an update, which gives its name away;
	// Restoring: it gets it back.
	Retiring, Restoring bool
	// Running: the container runs. Engines lose count of a network's endpoints when
	// others start or stop at that moment (seen on Docker 20.10).
	Running bool
}

// Hook runs a command in a container.
type Hook struct {
	Container Ref
	Phase     string // post_start or pre_stop
	Index     int
	Hook      engine.Hook
}

// Wait waits until containers meet a condition.
type Wait struct {
	Service    string // whose containers; empty for several services
	Containers []Ref
	Condition  Condition
	// Optional makes a failure a warning (depends_on.required: false).
	Optional bool
	// Checked tells of each container whether its service configures a health
	// check; for others the engine is asked.
	Checked map[string]bool
	Timeout time.Duration // 0: none
	// OneOff marks the wait for a pre_start hook, whose exit code is the hook's.
	OneOff bool
	// Quiet keeps the wait from being told of.
	Quiet bool
	// Update counts the containers that are not Good against an update.
	Update *UpdateCheck
}

// UpdateCheck is what becomes of an update whose new containers are not good
// (Compose Deploy Specification, update_config).
type UpdateCheck struct {
	Total           int     // replicas to be replaced
	MaxFailureRatio float32 // failures / Total up to which it goes on
	Action          string  // failure_action: what happens above that
	Monitor         time.Duration
	Rollback        bool // the update is one that goes back
}

// Delay waits for a time.
type Delay struct {
	Service string
	For     time.Duration
}

// Provide asks a service's provider to bring it up or take it down.
type Provide struct {
	Service string
	Config  engine.Provider
	Action  string // up or down
}

// RemoveImage removes a local image.
type RemoveImage struct{ Ref string }

func (CreateNetwork) operation()   {}
func (RemoveNetwork) operation()   {}
func (Connect) operation()         {}
func (Disconnect) operation()      {}
func (CreateVolume) operation()    {}
func (RemoveVolume) operation()    {}
func (CreateContainer) operation() {}
func (CopyFiles) operation()       {}
func (Start) operation()           {}
func (Stop) operation()            {}
func (Restart) operation()         {}
func (Kill) operation()            {}
func (Pause) operation()           {}
func (Unpause) operation()         {}
func (Remove) operation()          {}
func (Rename) operation()          {}
func (Hook) operation()            {}
func (Wait) operation()            {}
func (Delay) operation()           {}
func (RemoveImage) operation()     {}
func (Provide) operation()         {}

func (o CreateNetwork) String() string { return "create network " + o.Spec.Name }
func (o RemoveNetwork) String() string { return "remove network " + o.Name }
func (o Connect) String() string {
	return "connect " + o.Container.Name + " to network " + o.Endpoint.Network
}
func (o Disconnect) String() string {
	return "disconnect " + o.Container.Name + " from network " + o.Network
}
func (o CreateVolume) String() string { return "create volume " + o.Spec.Name }
func (o RemoveVolume) String() string { return "remove volume " + o.Name }
func (o CreateContainer) String() string {
	s := "create container " + o.Final
	if o.Replaces != nil {
		s += " in place of " + short(o.Replaces.ID)
	}
	return s
}

func (o CopyFiles) String() string {
	targets := make([]string, len(o.Files))
	for i, f := range o.Files {
		targets[i] = f.Target
	}
	return fmt.Sprintf("copy %s into %s", strings.Join(targets, ", "), o.Container.Name)
}
func (o Start) String() string   { return "start " + o.Container.Name }
func (o Stop) String() string    { return "stop " + o.Container.Name + replacing(o.Replacing) }
func (o Restart) String() string { return "restart " + o.Container.Name }
func (o Kill) String() string    { return "kill " + o.Container.Name + " with " + o.Signal }
func (o Pause) String() string   { return "pause " + o.Container.Name }
func (o Unpause) String() string { return "unpause " + o.Container.Name }
func (o Remove) String() string {
	s := "remove container " + o.Container.Name
	if o.Volumes {
		s += " and its anonymous volumes"
	}
	return s + replacing(o.Replacing)
}
func (o Rename) String() string { return "rename " + short(o.Container.ID) + " to " + o.Name }
func (o Hook) String() string {
	return fmt.Sprintf("run %s hook %d in %s", o.Phase, o.Index+1, o.Container.Name)
}

func (o Wait) String() string {
	names := make([]string, len(o.Containers))
	for i, c := range o.Containers {
		names[i] = c.Name
	}
	return fmt.Sprintf("wait until %s: %s", o.Condition, strings.Join(names, ", "))
}
func (o Delay) String() string       { return "wait " + o.For.String() }
func (o RemoveImage) String() string { return "remove image " + o.Ref }
func (o Provide) String() string     { return o.Action + " " + o.Service + " by provider " + o.Config.Type }

func replacing(yes bool) string {
	if yes {
		return " (being replaced)"
	}
	return ""
}

func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	if id == "" {
		return "new container"
	}
	return id
}
