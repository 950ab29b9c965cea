package enginetest

import (
	"context"
	"io"
	"net"

	"github.com/berth-dev/berth/internal/engine"
)

// FullEngine is every request that berth makes of an engine: what both this
// package's Engine and the adapter of the real one implement. Stages declare
// their own narrow interfaces; this one is for [Contract] and for checking
// that the two do not come apart.
type FullEngine interface {
	containers
	lifecycle
	resources
	images
	streams
	archives
	Info(ctx context.Context) (engine.Info, error)
	Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error)
	Dial(ctx context.Context, path, proto string, meta map[string][]string) (net.Conn, error)
	Gaps(ctx context.Context, spec engine.ContainerSpec) ([]engine.Gap, error)
	Endpoint() string
	Close() error
}

type containers interface {
	Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error)
	InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error)
	CreateContainer(ctx context.Context, spec engine.ContainerSpec) (engine.CreatedContainer, error)
	CopyFiles(ctx context.Context, id string, files []engine.File) error
	Compare(ctx context.Context, spec engine.ContainerSpec, id string) ([]engine.Change, error)
}

type lifecycle interface {
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string, options engine.StopOptions) error
	RestartContainer(ctx context.Context, id string, options engine.StopOptions) error
	KillContainer(ctx context.Context, id, signal string) error
	PauseContainer(ctx context.Context, id string) error
	UnpauseContainer(ctx context.Context, id string) error
	RenameContainer(ctx context.Context, id, name string) error
	RemoveContainer(ctx context.Context, id string, options engine.RemoveOptions) error
	WaitContainer(ctx context.Context, id string) (exitCode int, err error)
}

type resources interface {
	Networks(ctx context.Context, project string, names ...string) ([]engine.Network, error)
	CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (id string, err error)
	RemoveNetwork(ctx context.Context, id string) error
	ConnectNetwork(ctx context.Context, networkID, containerID string, endpoint engine.Endpoint) error
	DisconnectNetwork(ctx context.Context, networkID, containerID string, force bool) error
	Volumes(ctx context.Context, project string, names ...string) ([]engine.Volume, error)
	CreateVolume(ctx context.Context, spec engine.VolumeSpec) (name string, err error)
	RemoveVolume(ctx context.Context, name string, force bool) error
}

type images interface {
	Images(ctx context.Context, refs ...string) (map[string]engine.Image, error)
	InspectImage(ctx context.Context, ref string) (engine.Image, error)
	PullImage(ctx context.Context, ref string, options engine.PullOptions) error
	PushImage(ctx context.Context, ref string, options engine.PullOptions) error
	TagImage(ctx context.Context, source, target string) error
	RemoveImage(ctx context.Context, ref string, force bool) error
	ResolveDigest(ctx context.Context, ref string) (digest string, err error)
}

type streams interface {
	Logs(ctx context.Context, id string, options engine.LogOptions, stdout, stderr io.Writer) error
	Exec(ctx context.Context, id string, spec engine.ExecSpec, streams engine.Streams) (exitCode int, err error)
	Attach(ctx context.Context, id string, options engine.AttachOptions, streams engine.Streams) error
	ResizeContainer(ctx context.Context, id string, size engine.Size) error
	Top(ctx context.Context, id string, psArgs []string) (engine.ProcessList, error)
	Stats(ctx context.Context, id string, stream bool, each func(engine.Stats) error) error
}

type archives interface {
	StatPath(ctx context.Context, id, path string) (engine.PathStat, error)
	CopyFrom(ctx context.Context, id, path string) (io.ReadCloser, engine.PathStat, error)
	CopyTo(ctx context.Context, id, dir string, archive io.Reader, ownership bool) error
	Commit(ctx context.Context, id string, options engine.CommitOptions) (imageID string, err error)
	Export(ctx context.Context, id string) (io.ReadCloser, error)
}

var _ FullEngine = (*Engine)(nil)
