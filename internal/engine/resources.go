package engine

import (
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Network is a network the engine has.
type Network struct {
	ID         string
	Name       string
	Driver     string
	Scope      string
	Internal   bool
	Attachable bool
	EnableIPv6 bool
	EnableIPv4 bool
	Options    map[string]string
	IPAM       types.IPAMConfig
	Labels     map[string]string
	Created    time.Time
}

// NetworkSpec is a network to create.
type NetworkSpec struct {
	Name   string // the final name
	Config types.NetworkConfig
	Labels map[string]string // complete set
}

// Volume is a volume the engine has.
type Volume struct {
	Name       string
	Driver     string
	Mountpoint string
	Scope      string
	Options    map[string]string
	Labels     map[string]string
	Created    time.Time
}

// VolumeSpec is a volume to create.
type VolumeSpec struct {
	Name   string // the final name
	Config types.VolumeConfig
	Labels map[string]string // complete set
}

// Image is a local image.
type Image struct {
	ID           string
	Tags         []string // repository:tag references
	Digests      []string // repository@digest references
	Created      time.Time
	LastTagged   time.Time // zero when unknown
	Size         int64     // bytes
	OS           string    // only from an inspection
	Architecture string    // only from an inspection
	Variant      string    // only from an inspection
	Labels       map[string]string
	Volumes      []string // paths the image declares as volumes; only from an inspection
	HasHealth    bool     // the image declares a health check; only from an inspection
}

// Platforms are those the image is here for, as os/arch[/variant]; none where
// it has not been inspected.
func (i Image) Platforms() []string {
	if i.OS == "" {
		return nil
	}
	name := i.OS + "/" + i.Architecture
	if i.Variant != "" {
		name += "/" + i.Variant
	}
	return []string{name}
}

// PullOptions tell how to pull an image.
type PullOptions struct {
	Platform string // os/arch[/variant]; empty for the engine's own
	// Progress receives the engine's progress messages; may be nil.
	Progress func(PullProgress)
}

// PullProgress is one progress message of a pull or push.
type PullProgress struct {
	Layer   string // the layer's short ID; empty for messages about the whole image
	Status  string
	Current int64 // bytes
	Total   int64 // bytes; 0 when unknown
}

// Info describes the engine berth talks to.
type Info struct {
	Endpoint   string // the address it was reached at
	Version    string
	APIVersion string // the negotiated version
	// JoinsLoseMAC: a container that joins a network after its creation gets no
	// hardware address of its choice there (seen from API 1.44 on).
	JoinsLoseMAC bool
	MinAPI       string
	OS           string
	Arch         string
	KernelVer    string
	GitCommit    string
	GoVersion    string
	BuildTime    string
}

// Stats is one sample of a container's resource use.
type Stats struct {
	Time             time.Time
	ID, Name         string
	CPUPercent       float64
	MemoryUsage      uint64 // bytes
	MemoryLimit      uint64 // bytes
	MemoryPercent    float64
	NetworkRx, NetTx uint64 // bytes
	BlockRead        uint64 // bytes
	BlockWrite       uint64 // bytes
	PIDs             uint64
}

// Change is a difference in one field, in the form both plans and take-over
// comparisons speak of.
type Change struct {
	Path string `json:"path"` // the Compose key, such as services.web.image or environment.PORT
	Old  string `json:"old"`
	New  string `json:"new"`
	// Secret says that the values must not be printed.
	Secret bool `json:"secret,omitempty"`
}
