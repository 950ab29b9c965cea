package docker

import (
	"maps"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
)

// Defaults of the engine, documented with the Engine API.
const (
	defaultShm       = 64 << 20
	defaultLogDriver = "json-file"
	defaultRuntime   = "runc"
)

// ports compares published ports, and exposed ones together with the image's.
func (c *comparison) ports() {
	want, got := c.want, c.got.container
	c.set("ports", printBindings(got.HostConfig.PortBindings), printBindings(want.host.PortBindings))
	// A port that is published or no longer published is said once, above.
	published := append(sortedKeys(want.host.PortBindings), sortedKeys(got.HostConfig.PortBindings)...)
	asked := append(sortedKeys(want.config.ExposedPorts), c.got.image.exposed...)
	c.set("expose", append(exposed(got.Config.ExposedPorts), published...), append(asked, published...))
}

// exposed are single ports with their protocol. Other tools hand an engine what
// the file says, and it keeps "80" and "90-92/udp" as they are.
func exposed(ports nat.PortSet) []string {
	var out []string
	for port := range ports {
		expanded, err := expandPorts(string(port))
		if err != nil {
			expanded = []nat.Port{port} // not a port: it shows as it is
		}
		for _, p := range expanded {
			out = append(out, string(p))
		}
	}
	return out
}

// printBindings writes bindings as Compose's short form does.
func printBindings(ports nat.PortMap) []string {
	var result []string
	for port, bindings := range ports {
		for _, binding := range bindings {
			text := string(port)
			if number := strings.TrimPrefix(binding.HostPort, "0"); number != "" || binding.HostIP != "" {
				text = number + ":" + text
			}
			if binding.HostIP != "" {
				text = binding.HostIP + ":" + text
			}
			result = append(result, text)
		}
	}
	return result
}

// host compares what belongs to no group of its own.
func (c *comparison) host() {
	want, got := c.want.host, c.got.container.HostConfig
	c.restart()
	c.logging()
	c.set("cap_add", capabilities(got.CapAdd), capabilities(want.CapAdd))
	c.set("cap_drop", capabilities(got.CapDrop), capabilities(want.CapDrop))
	c.list("dns", got.DNS, want.DNS)
	c.list("dns_opt", got.DNSOptions, want.DNSOptions)
	c.list("dns_search", got.DNSSearch, want.DNSSearch)
	c.set("extra_hosts", mapStrings(got.ExtraHosts, hostEntry), mapStrings(want.ExtraHosts, hostEntry))
	c.set("group_add", got.GroupAdd, want.GroupAdd)
	c.text("init", isTrue(got.Init), isTrue(want.Init))
	c.text("read_only", got.ReadonlyRootfs, want.ReadonlyRootfs)
	c.text("privileged", got.Privileged, want.Privileged)
	c.text("oom_score_adj", got.OomScoreAdj, want.OomScoreAdj)
	c.mapping("sysctls", got.Sysctls, want.Sysctls)
	c.mapping("storage_opt", got.StorageOpt, want.StorageOpt)
	c.mapping("annotations", got.Annotations, want.Annotations)
	c.text("shm_size", shm(got.ShmSize), shm(want.ShmSize))
	runtime := or(c.got.facts.runtime, defaultRuntime)
	c.text("runtime", or(got.Runtime, runtime), or(want.Runtime, runtime))
	c.text("isolation", isolation(got.Isolation), isolation(want.Isolation))
	if got.AutoRemove {
		c.differ("restart", "removed on exit", string(want.RestartPolicy.Name))
	}
}

// restart compares restart policies. docker compose gives none to a
// deploy.restart_policy without a condition, so that passes as well.
func (c *comparison) restart() {
	want, got := c.want.host.RestartPolicy, c.got.container.HostConfig.RestartPolicy
	deploy := c.spec.Service.Deploy
	key := "restart"
	if deploy != nil && deploy.RestartPolicy != nil {
		key = "deploy.restart_policy"
		if deploy.RestartPolicy.Condition == "" && got.IsNone() {
			return
		}
	}
	c.text(key, printPolicy(got), printPolicy(want))
}

func printPolicy(policy container.RestartPolicy) string {
	if policy.IsNone() {
		return "no"
	}
	if policy.IsOnFailure() && policy.MaximumRetryCount > 0 {
		return string(policy.Name) + ":" + decimal(int64(policy.MaximumRetryCount))
	}
	return string(policy.Name)
}

// logging compares the driver, and the options where the file gives some: a
// daemon adds its own default options to those of its default driver.
func (c *comparison) logging() {
	want, got := c.want.host.LogConfig, c.got.container.HostConfig.LogConfig
	standard := or(c.got.facts.logDriver, defaultLogDriver)
	c.text("logging.driver", or(got.Type, standard), or(want.Type, standard))
	if or(got.Type, standard) != or(want.Type, standard) {
		return
	}
	old := maps.Clone(got.Config)
	if or(want.Type, standard) == standard {
		for key := range old {
			if _, given := want.Config[key]; !given {
				delete(old, key)
			}
		}
	}
	c.mapping("logging.options", old, want.Config)
}

// capabilities gives capabilities their full names.
func capabilities(list []string) []string {
	return mapStrings(list, func(name string) string {
		name = strings.ToUpper(name)
		if name == "ALL" || strings.HasPrefix(name, "CAP_") {
			return name
		}
		return "CAP_" + name
	})
}

// hostEntry writes "host:address" whichever way it was divided.
func hostEntry(entry string) string {
	if at := strings.IndexAny(entry, "=:"); at >= 0 {
		return entry[:at] + ":" + strings.Trim(entry[at+1:], "[]")
	}
	return entry
}

func isTrue(value *bool) bool { return value != nil && *value }

// shm is a size of /dev/shm with the engine's default filled in.
func shm(size int64) int64 {
	if size == 0 {
		return defaultShm
	}
	return size
}

func isolation(mode container.Isolation) string {
	if mode.IsDefault() {
		return ""
	}
	return strings.ToLower(string(mode))
}

// namespaces compares the modes that share something with the host or with
// another container. An empty one means the engine's default, which depends on
// the daemon.
func (c *comparison) namespaces() {
	want, got := c.want.host, c.got.container.HostConfig
	c.text("pid", got.PidMode, c.byID(string(want.PidMode)))
	c.text("uts", got.UTSMode, want.UTSMode)
	c.text("userns_mode", got.UsernsMode, want.UsernsMode)
	standard := want.IpcMode == "" && (got.IpcMode == "" || got.IpcMode.IsPrivate() || got.IpcMode.IsShareable())
	if !standard {
		c.text("ipc", got.IpcMode, c.byID(string(want.IpcMode)))
	}
	standardCgroup := container.CgroupnsModePrivate
	if c.got.facts.cgroupVersion == "1" {
		standardCgroup = container.CgroupnsModeHost
	}
	c.text("cgroup", or(string(got.CgroupnsMode), string(standardCgroup)), or(string(want.CgroupnsMode), string(standardCgroup)))
	var from []string
	for _, source := range want.VolumesFrom {
		name, mode, _ := strings.Cut(source, ":")
		from = append(from, c.idOf(name)+":"+or(mode, "rw"))
	}
	var old []string
	for _, source := range got.VolumesFrom {
		name, mode, _ := strings.Cut(source, ":")
		old = append(old, c.idOf(name)+":"+or(mode, "rw"))
	}
	c.set("volumes_from", old, from)
}

// byID writes "container:<id>" for a container given by name.
func (c *comparison) byID(mode string) string {
	if name, ok := strings.CutPrefix(mode, containerPrefix); ok {
		return containerPrefix + c.idOf(name)
	}
	return mode
}

func (c *comparison) idOf(name string) string { return or(c.got.ids[name], name) }

// security compares security options. The engine adds SELinux options to
// containers that share the host's namespaces.
func (c *comparison) security() {
	want, got := c.want.host, c.got.container.HostConfig
	relaxed := want.Privileged || want.PidMode.IsHost() || want.IpcMode.IsHost() || want.IpcMode.IsContainer() || want.PidMode.IsContainer()
	asked := mapStrings(want.SecurityOpt, securityOption)
	var old []string
	for _, option := range mapStrings(got.SecurityOpt, securityOption) {
		added := relaxed && strings.HasPrefix(option, "label=") && !strings.Contains(strings.Join(asked, " "), option)
		if !added {
			old = append(old, option)
		}
	}
	c.set("security_opt", old, asked)
	unconfined := func(host *container.HostConfig) bool { return host.MaskedPaths != nil && len(host.MaskedPaths) == 0 }
	if !want.Privileged && !got.Privileged && unconfined(want) != unconfined(got) {
		c.text("security_opt.systempaths", unconfined(got), unconfined(want))
	}
}

// securityOption writes key=value whichever way it was divided.
func securityOption(option string) string {
	key, value := cutSecurity(option)
	if key == "no-new-privileges" && (value == "" || value == "true") {
		return key
	}
	return key + "=" + value
}
