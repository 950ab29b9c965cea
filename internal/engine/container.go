package engine

import (
	"io"
	"io/fs"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// State is a container's state word as the Engine API writes it.
type State string

// The states of a container (Engine API, ContainerState.Status).
const (
	Created    State = "created"
	Running    State = "running"
	Paused     State = "paused"
	Restarting State = "restarting"
	Removing   State = "removing"
	Exited     State = "exited"
	Dead       State = "dead"
)

// Health is the state of a container's health check; empty when it has none.
type Health string

// The health states (Engine API, Health.Status).
const (
	NoHealth  Health = ""
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// Container is one row of the engine's container list. All of it comes from a
// single list request, whatever the number of containers.
type Container struct {
	ID      string
	Name    string   // without the leading slash
	Names   []string // all names, links included, without the leading slash
	Image   string   // the reference it was created from, as the engine shows it
	ImageID string   // the image's identity
	// Platform is what the container was made for, such as "linux/arm64/v8", where
	// the engine keeps images for several; else empty.
	Platform string
	Command  string
	Created  time.Time
	State    State
	Status   string // the engine's text, such as "Up 2 minutes (healthy)"
	Health   Health
	// ExitCode is the last exit code, read from Status; 0 while running.
	ExitCode    int
	Labels      map[string]string
	Ports       []Port
	Mounts      []Mount
	Networks    map[string]Attachment // by network name
	NetworkMode string
	SizeRw      int64 // bytes; only when asked for
	SizeRootFs  int64 // bytes; only when asked for
}

// IsRunning tells whether the container's process is meant to be alive now:
// running, paused, or between two tries of its restart policy.
func (c Container) IsRunning() bool {
	return c.State == Running || c.State == Paused || c.State == Restarting
}

// Port is one published or exposed port of a container.
type Port struct {
	HostIP    string
	Published int // 0 when only exposed
	Target    int
	Protocol  string
}

// Mount is a mount point the engine reports for a container.
type Mount struct {
	Type        string // bind, volume, tmpfs, npipe, image
	Name        string // the volume's name, for type volume
	Source      string
	Destination string
	Driver      string
	Mode        string
	RW          bool
}

// Attachment is a container's end of a network.
type Attachment struct {
	NetworkID  string
	Aliases    []string
	IPAddress  string
	IPv6       string
	MacAddress string
	Gateway    string
}

// ContainerDetail is what inspecting one container adds to its list row.
type ContainerDetail struct {
	Container
	Tty          bool
	OpenStdin    bool
	StartedAt    time.Time
	FinishedAt   time.Time
	RestartCount int
	OOMKilled    bool
	Error        string // the engine's last start error
	Pid          int
	HasHealth    bool // a health check is configured
	Probes       []Probe
	Env          []string
	Cmd          []string
	Entrypoint   []string
	StopSignal   string
	// StopTimeout is the stop_grace_period it was made with; nil: the engine's
	// own, negative: no limit.
	StopTimeout *time.Duration
	LogDriver   string
	// RestartPolicy is the name of the restart policy: "", no, always,
	// on-failure or unless-stopped.
	RestartPolicy string
	Raw           []byte // the engine's answer as it came
}

// Probe is one run of a health check.
type Probe struct {
	Start, End time.Time
	ExitCode   int
	Output     string
}

// ContainerSpec is everything needed to create a container, with every name
// resolved. The adapter turns it into a create request without asking anything
// else; it reads from Service whatever is not resolved in a field of its own.
type ContainerSpec struct {
	Project string
	// Service is the effective service: merged, interpolated, its environment
	// resolved (a nil value means the variable is absent).
	Service types.ServiceConfig
	Name    string
	Image   string // the reference or ID to create from
	Labels  map[string]string
	// Networks are the endpoints, the first one being the primary network
	// (highest gw_priority/priority). Empty with a NetworkMode.
	Networks []Endpoint
	// NetworkMode, IPCMode and PIDMode are Service's values with "service:x"
	// replaced by "container:<id or name>".
	NetworkMode string
	IPCMode     string
	PIDMode     string
	// VolumesFrom are "<container id or name>[:ro|rw|z...]".
	VolumesFrom []string
	// Links are "<container name>:<alias>".
	Links []string
	// Mounts are Service.Volumes with volume sources replaced by the volumes'
	// real names, followed by the bind mounts of configs and secrets and by the
	// volumes inherited from a container being replaced.
	Mounts []types.ServiceVolumeConfig
	// Files are written into the container between its creation and its start.
	Files []File
	// Env are extra environment entries "KEY=value" that win over Service's
	// (models, providers, run -e).
	Env []string
	// AutoRemove, Interactive and TTY are set for one-off containers.
	AutoRemove  bool
	Interactive bool
	TTY         bool
}

// Endpoint joins a container to a network.
type Endpoint struct {
	Network string // the network's name or ID
	Aliases []string
	// Config is the service's configuration for this network; nil if it gives none.
	Config *types.ServiceNetworkConfig
	// MacAddress is the address for this endpoint (service-level mac_address
	// applies to the primary network only).
	MacAddress string
	// Links are "<container name>:<alias>", resolved on this network.
	Links []string
}

// HardwareAddress is the one asked for on this network: that of the network's own
// section, else the service's; empty if it is the engine's choice.
func (e Endpoint) HardwareAddress() string {
	if e.Config != nil && e.Config.MacAddress != "" {
		return e.Config.MacAddress
	}
	return e.MacAddress
}

// File is a config's or secret's content to be placed in a container.
type File struct {
	Target  string // absolute path in the container
	Content []byte
	UID     int
	GID     int
	Mode    fs.FileMode // permission bits
}

// CreatedContainer is the engine's answer to a create request.
type CreatedContainer struct {
	ID       string
	Warnings []string
}

// StopOptions tell how to stop or restart a container.
type StopOptions struct {
	Timeout *time.Duration // nil: the container's own stop_grace_period
	Signal  string         // empty: the container's own stop_signal
}

// RemoveOptions tell how to remove a container.
type RemoveOptions struct {
	Force   bool // kill it first if it runs
	Volumes bool // remove its anonymous volumes as well
}

// LogOptions select what to read of a container's log.
type LogOptions struct {
	Follow     bool
	Since      string // RFC 3339, unix seconds with fraction, or a duration as the engine takes it
	Until      string
	Tail       string // "all" or a number
	Timestamps bool
	// TTY says that the stream is raw because the container has a terminal.
	TTY bool
}

// ExecSpec is a command to run in a running container.
type ExecSpec struct {
	Cmd        []string
	User       string
	WorkingDir string
	Env        []string
	Privileged bool
	TTY        bool
	Detach     bool
	DetachKeys string
}

// Streams are a caller's ends of an attached process. A nil In means that no
// input is attached. With TTY, Err stays unused.
type Streams struct {
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	TTY    bool
	Resize <-chan Size
}

// Size is a terminal's size in characters.
type Size struct {
	Rows, Columns uint16
}

// AttachOptions tell how to attach to a container.
type AttachOptions struct {
	Stdin      bool
	DetachKeys string
	Logs       bool // replay what it has written so far
	// Ready, if set, is called once the engine has accepted the connection,
	// before the first byte passes.
	Ready func()
}

// ProcessList is the answer of top: one row of values per process.
type ProcessList struct {
	Titles    []string
	Processes [][]string
}

// Hook is a command run in a container at a point of its life (Compose
// specification, post_start and pre_stop).
type Hook = types.ServiceHook

// Provider is what runs a service that has no container (Compose specification,
// provider).
type Provider = types.ServiceProviderConfig
