package app

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/pkg/labels"
)

// What an engine gives to containers that ask for nothing (Engine API v1.41,
// HostConfig).
const (
	defaultShm     = 64 << 20 // bytes
	defaultRuntime = "runc"
	defaultLog     = "json-file"
)

// inspectedHost is the part of a container's configuration that its machine
// carries out.
type inspectedHost struct {
	Binds, CapAdd, CapDrop, DNS, DNSOptions, DNSSearch, ExtraHosts, GroupAdd, SecurityOpt, Links, VolumesFrom []string
	NetworkMode, IpcMode, PidMode, UTSMode, UsernsMode, Runtime, CgroupParent, CpusetCpus                     string
	PortBindings                                                                                              map[string][]struct{ HostIP, HostPort string }
	RestartPolicy                                                                                             struct {
		Name              string
		MaximumRetryCount int
	}
	LogConfig struct {
		Type   string
		Config map[string]string
	}
	Privileged, ReadonlyRootfs                     bool
	Init                                           *bool
	Memory, MemoryReservation, NanoCPUs, CPUShares int64
	ShmSize, OomScoreAdj                           int64
	PidsLimit                                      *int64
	Sysctls, Tmpfs                                 map[string]string
	Devices                                        []struct{ PathOnHost, PathInContainer, CgroupPermissions string }
	Ulimits                                        []struct {
		Name       string
		Soft, Hard int
	}
	DeviceRequests []json.RawMessage
}

// base is the service with what no image gives.
func (c inspected) base() types.ServiceConfig {
	h := c.HostConfig
	svc := types.ServiceConfig{Name: c.service}
	svc.Image, svc.Tty, svc.StdinOpen, svc.DomainName = c.Config.Image, c.Config.Tty, c.Config.OpenStdin, c.Config.Domainname
	if c.Config.Labels[labels.Project] == "" {
		svc.ContainerName = c.Name
	}
	if c.Config.Hostname != "" && !strings.HasPrefix(c.ID, c.Config.Hostname) && !shares(h.NetworkMode) {
		svc.Hostname = c.Config.Hostname
	}
	if c.Config.StopTimeout != nil {
		grace := types.Duration(time.Duration(*c.Config.StopTimeout) * time.Second)
		svc.StopGracePeriod = &grace
	}
	switch name := h.RestartPolicy.Name; {
	case name == "on-failure" && h.RestartPolicy.MaximumRetryCount > 0:
		svc.Restart = fmt.Sprintf("on-failure:%d", h.RestartPolicy.MaximumRetryCount)
	case name != "" && name != "no":
		svc.Restart = name
	}
	svc.CapAdd, svc.CapDrop, svc.GroupAdd, svc.SecurityOpt = bare(h.CapAdd), bare(h.CapDrop), h.GroupAdd, h.SecurityOpt
	svc.DNS, svc.DNSOpts, svc.DNSSearch = h.DNS, h.DNSOptions, h.DNSSearch
	svc.Privileged, svc.ReadOnly, svc.Init = h.Privileged, h.ReadonlyRootfs, h.Init
	for _, entry := range h.ExtraHosts {
		if name, address, ok := strings.Cut(entry, ":"); ok {
			if svc.ExtraHosts == nil {
				svc.ExtraHosts = types.HostsList{}
			}
			svc.ExtraHosts[name] = append(svc.ExtraHosts[name], address)
		}
	}
	svc.Ports = c.ports()
	return svc
}

// bare are capabilities without the prefix that engines add.
func bare(capabilities []string) []string {
	var out []string
	for _, name := range capabilities {
		out = append(out, strings.TrimPrefix(name, "CAP_"))
	}
	return out
}

// shares tells a namespace of the machine or of another container.
func shares(mode string) bool { return mode == "host" || strings.HasPrefix(mode, "container:") }

// ports are the published ones.
func (c inspected) ports() []types.ServicePortConfig {
	var out []types.ServicePortConfig
	for _, key := range sortedKeys(c.HostConfig.PortBindings) {
		number, protocol, _ := strings.Cut(key, "/")
		target, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue // an engine writes numbers
		}
		for _, binding := range c.HostConfig.PortBindings[key] {
			port := types.ServicePortConfig{Mode: "ingress", Target: uint32(target), Protocol: protocol, HostIP: binding.HostIP}
			if binding.HostPort != "0" {
				port.Published = binding.HostPort
			}
			out = append(out, port)
		}
	}
	return out
}

// resources adds limits, devices and namespaces.
func (c inspected) resources(svc *types.ServiceConfig) {
	h := c.HostConfig
	svc.MemLimit, svc.MemReservation = types.UnitBytes(h.Memory), types.UnitBytes(h.MemoryReservation)
	svc.CPUS, svc.CPUShares, svc.CPUSet = float32(h.NanoCPUs)/1e9, h.CPUShares, h.CpusetCpus
	svc.OomScoreAdj, svc.CgroupParent, svc.Sysctls, svc.UserNSMode = h.OomScoreAdj, h.CgroupParent, h.Sysctls, h.UsernsMode
	if h.PidsLimit != nil {
		svc.PidsLimit = *h.PidsLimit
	}
	if h.ShmSize != defaultShm {
		svc.ShmSize = types.UnitBytes(h.ShmSize)
	}
	if h.Runtime != defaultRuntime {
		svc.Runtime = h.Runtime
	}
	if shares(h.IpcMode) {
		svc.Ipc = h.IpcMode
	}
	if h.PidMode == "host" {
		svc.Pid = h.PidMode
	}
	if h.UTSMode == "host" {
		svc.Uts = h.UTSMode
	}
	if log := h.LogConfig; log.Type != "" && (log.Type != defaultLog || len(log.Config) > 0) {
		svc.Logging = &types.LoggingConfig{Driver: log.Type, Options: log.Config}
	}
	for _, d := range h.Devices {
		svc.Devices = append(svc.Devices, types.DeviceMapping{Source: d.PathOnHost, Target: d.PathInContainer, Permissions: d.CgroupPermissions})
	}
	for _, u := range h.Ulimits {
		if svc.Ulimits == nil {
			svc.Ulimits = map[string]*types.UlimitsConfig{}
		}
		svc.Ulimits[u.Name] = &types.UlimitsConfig{Soft: u.Soft, Hard: u.Hard}
	}
}

// join adds the networks, as external ones of the file.
func (c inspected) join(p *types.Project, svc *types.ServiceConfig, services map[string]string) {
	mode := c.HostConfig.NetworkMode
	switch other, ofContainer := strings.CutPrefix(mode, "container:"); {
	case ofContainer && services[other] != "":
		svc.NetworkMode = "service:" + services[other]
		return
	case mode == "default" || mode == "bridge":
		svc.NetworkMode = "bridge"
		return
	case ofContainer || mode == "host" || mode == "none":
		svc.NetworkMode = mode
		return
	}
	svc.Networks = map[string]*types.ServiceNetworkConfig{}
	for _, name := range sortedKeys(c.NetworkSettings.Networks) {
		end := c.NetworkSettings.Networks[name]
		key := c.key(name)
		p.Networks[key] = types.NetworkConfig{Name: name, External: true}
		config := &types.ServiceNetworkConfig{}
		for _, alias := range end.Aliases {
			if alias != c.Name && alias != c.service && !strings.HasPrefix(c.ID, alias) && !slices.Contains(config.Aliases, alias) {
				config.Aliases = append(config.Aliases, alias)
			}
		}
		if end.IPAMConfig != nil {
			config.Ipv4Address, config.Ipv6Address = end.IPAMConfig.IPv4Address, end.IPAMConfig.IPv6Address
		}
		svc.Networks[key] = config
	}
}

// key names a network or volume in the file: without its project's name.
func (c inspected) key(name string) string {
	if project := c.Config.Labels[labels.Project]; project != "" {
		name = strings.TrimPrefix(name, project+"_")
	}
	return name
}

// mounts adds binds, volumes (external ones, unless they have no name) and
// tmpfs.
func (c inspected) mounts(p *types.Project, svc *types.ServiceConfig) {
	anonymous := regexp.MustCompile(`^[0-9a-f]{64}$`)
	for _, m := range c.Mounts {
		v := types.ServiceVolumeConfig{Type: m.Type, Source: m.Source, Target: m.Destination, ReadOnly: !m.RW}
		switch {
		case m.Type == types.VolumeTypeVolume && anonymous.MatchString(m.Name):
			v.Source = ""
		case m.Type == types.VolumeTypeVolume:
			v.Source = c.key(m.Name)
			p.Volumes[v.Source] = types.VolumeConfig{Name: m.Name, External: true}
		case m.Type == types.VolumeTypeTmpfs:
			v.Source, v.ReadOnly = "", false
		}
		svc.Volumes = append(svc.Volumes, v)
	}
	slices.SortFunc(svc.Volumes, func(a, b types.ServiceVolumeConfig) int { return strings.Compare(a.Target, b.Target) })
	for _, target := range sortedKeys(c.HostConfig.Tmpfs) {
		if options := c.HostConfig.Tmpfs[target]; options != "" {
			target += ":" + options
		}
		svc.Tmpfs = append(svc.Tmpfs, target)
	}
}

// health is the container's health check.
func (c inspected) health() *types.HealthCheckConfig {
	h := c.Config.Healthcheck
	if h == nil {
		return nil
	}
	if len(h.Test) > 0 && h.Test[0] == "NONE" {
		return &types.HealthCheckConfig{Disable: true}
	}
	out := &types.HealthCheckConfig{Test: h.Test}
	for _, p := range []struct {
		to    **types.Duration
		value int64 // nanoseconds
	}{{&out.Interval, h.Interval}, {&out.Timeout, h.Timeout}, {&out.StartPeriod, h.StartPeriod}, {&out.StartInterval, h.StartInterval}} {
		if p.value > 0 {
			d := types.Duration(p.value)
			*p.to = &d
		}
	}
	if h.Retries > 0 {
		out.Retries = &h.Retries
	}
	return out
}
