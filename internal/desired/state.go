// Package desired turns a loaded project into the state berth is to reach: the
// networks, volumes and services with their final names, labels and hashes. It
// is pure: what it must know of images and of the content of configs and
// secrets is handed in.
package desired

import (
	"sort"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// State is what a project is to look like on an engine.
type State struct {
	Project    string
	WorkingDir string
	Networks   []Network // sorted by key
	Volumes    []Volume  // sorted by key
	Services   []Service // sorted by name
	// Known names every service the files declare, those left out by profiles
	// or selection included: their containers are no orphans.
	Known map[string]bool
	// unselected are the endpoints, by service, of the services that Services
	// leaves out.
	unselected map[string][]engine.Endpoint
}

// Network is a network some service uses.
type Network struct {
	Key      string // its name in the file
	External bool
	Spec     engine.NetworkSpec
	// Canonical is its whole definition, with defaults left out.
	Canonical Canonical
}

// Volume is a volume some service uses.
type Volume struct {
	Key      string // its name in the file
	External bool
	Spec     engine.VolumeSpec
	// Canonical is its whole definition, with defaults left out.
	Canonical Canonical
}

// Service is a service with everything its replicas share.
type Service struct {
	Name   string
	Config types.ServiceConfig
	Scale  int
	// Hash is the com.docker.compose.config-hash.
	Hash string
	// Canonical is the effective spec that decides about recreation.
	Canonical Canonical
	Image     string // the reference to create from
	ImageID   string // its identity; empty while unknown
	// MountedImages are the identities of the images that it mounts, as in the
	// label of that name; empty without any.
	MountedImages string
	DependsOn     []Dependency
	// Parents are the services whose containers' namespaces or volumes this
	// service's containers use, NamespaceParents those whose namespaces they do,
	// NetworkParent the one whose network: named as a service, or by the name of
	// its first container.
	Parents, NamespaceParents []string
	NetworkParent             string

	template  engine.ContainerSpec
	preStart  []PreStartHook
	separator string
}

// Dependency is one entry of depends_on.
type Dependency struct {
	Service   string
	Condition string // service_started, service_healthy, service_completed_successfully
	Restart   bool
	Required  bool
}

// Options are what Build must know beside the project.
type Options struct {
	Version     string   // of berth, for the version label
	ConfigFiles []string // absolute paths, for the config_files label
	EnvFiles    []string // of --env-file, for the environment_file label
	Separator   string   // between the parts of names; "-" if empty
	// Images are the local images by the reference a service names.
	Images map[string]engine.Image
	// Pinned are the identities of images, by service, that its containers are made
	// from whatever its reference means now.
	Pinned map[string]string
	// Contents are the contents of configs and secrets.
	Contents Contents
	// AllResources keeps networks and volumes that no service uses.
	AllResources bool
	// Names builds only what names and orders services: no container can be
	// made from the result, and configs and secrets need no content.
	Names bool
	// firstContainers maps the names of the services' first containers to them.
	firstContainers map[string]string
}

// Contents holds what configs and secrets contain, by their keys in the file.
type Contents struct {
	Configs map[string][]byte
	Secrets map[string][]byte
}

// Build works out the desired state of a project. It fails on what the files
// ask for but cannot be had, naming the key.
func Build(p *types.Project, opt Options) (*State, error) {
	if opt.Separator == "" {
		opt.Separator = "-"
	}
	s := &State{Project: p.Name, WorkingDir: p.WorkingDir, Known: map[string]bool{}, unselected: map[string][]engine.Endpoint{}}
	for name := range p.Services {
		s.Known[name] = true
	}
	opt.firstContainers = firstContainers(p, opt.Separator)
	s.addUnselected(p, opt)
	if err := s.addNetworks(p, opt); err != nil {
		return nil, err
	}
	if err := s.addVolumes(p, opt); err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(p.Services) {
		svc, err := buildService(p, p.Services[name], opt)
		if err != nil {
			return nil, err
		}
		s.Services = append(s.Services, svc)
	}
	return s, nil
}

// ImageName is the reference a service's containers are created from: its
// image, or the name its build gets.
func ImageName(p *types.Project, svc types.ServiceConfig, separator string) string {
	if svc.Image != "" {
		return svc.Image
	}
	if separator == "" {
		separator = "-"
	}
	return p.Name + separator + svc.Name
}

// Service returns a service by name.
func (s *State) Service(name string) (Service, bool) {
	i := sort.Search(len(s.Services), func(i int) bool { return s.Services[i].Name >= name })
	if i < len(s.Services) && s.Services[i].Name == name {
		return s.Services[i], true
	}
	return Service{}, false
}

// ContainerName is the name of a service's n-th replica.
func (s Service) ContainerName(project string, n int) string {
	if s.Config.ContainerName != "" {
		return s.Config.ContainerName
	}
	return strings.Join([]string{project, s.Name, strconv.Itoa(n)}, s.separator)
}

// Replica is the spec of the service's n-th container. References to other
// services' containers in NetworkMode, IPCMode, PIDMode and VolumesFrom are
// still in the form "service:name" and "name[:mode]".
func (s Service) Replica(n int) engine.ContainerSpec {
	spec := s.template
	spec.Name = s.ContainerName(spec.Project, n)
	spec.Labels = merge(s.template.Labels, map[string]string{labels.Number: strconv.Itoa(n), labels.OneOff: labels.False})
	spec.Networks = make([]engine.Endpoint, len(s.template.Networks))
	for i, e := range s.template.Networks {
		e.Aliases = append([]string{spec.Name}, e.Aliases...)
		spec.Networks[i] = e
	}
	return spec
}

// Dependents lists the services that directly depend on the named one, sorted.
func (s *State) Dependents(name string) []Service {
	var out []Service
	for _, svc := range s.Services {
		for _, d := range svc.DependsOn {
			if d.Service == name {
				out = append(out, svc)
			}
		}
	}
	return out
}

func merge(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func sortedKeys[V any, M ~map[string]V](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
