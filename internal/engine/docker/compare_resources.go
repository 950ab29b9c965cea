package docker

import (
	"fmt"
	"strconv"

	"github.com/docker/docker/api/types/blkiodev"
	"github.com/docker/docker/api/types/container"
)

// decimal prints a number.
func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// number compares a limit; 0 means none. A limit that the engine's kernel
// lacks was dropped when the container was created, by whichever tool.
func (c *comparison) number(key string, old, new int64, dropped bool) {
	if old != new && (old != 0 || !dropped) {
		c.differ(key, decimal(old), decimal(new))
	}
}

// resources compares memory, processors, processes and block devices.
func (c *comparison) resources() {
	want, got, facts := c.want.host.Resources, c.got.container.HostConfig.Resources, c.got.facts
	c.number("mem_limit", got.Memory, want.Memory, facts.noMemory)
	c.number("mem_reservation", got.MemoryReservation, want.MemoryReservation, facts.noMemory)
	c.swap(want, got)
	c.number("mem_swappiness", pointed(got.MemorySwappiness), pointed(want.MemorySwappiness), facts.cgroupVersion == "2")
	c.number("pids_limit", pointed(got.PidsLimit), pointed(want.PidsLimit), facts.noPids)
	c.number("cpus", got.NanoCPUs, want.NanoCPUs, facts.noCPUQuota)
	c.number("cpu_shares", got.CPUShares, want.CPUShares, facts.noCPUShares)
	c.number("cpu_period", got.CPUPeriod, want.CPUPeriod, facts.noCPUQuota)
	c.number("cpu_quota", got.CPUQuota, want.CPUQuota, facts.noCPUQuota)
	c.number("cpu_rt_period", got.CPURealtimePeriod, want.CPURealtimePeriod, false)
	c.number("cpu_rt_runtime", got.CPURealtimeRuntime, want.CPURealtimeRuntime, false)
	c.number("cpu_count", got.CPUCount, want.CPUCount, false)
	// docker compose sends hundredths of a per cent.
	if got.CPUPercent != want.CPUPercent*100 {
		c.number("cpu_percent", got.CPUPercent, want.CPUPercent, facts.noCPUPercent)
	}
	if got.CpusetCpus != "" || !facts.noCPUSet {
		c.text("cpuset", got.CpusetCpus, want.CpusetCpus)
	}
	c.text("cgroup_parent", got.CgroupParent, want.CgroupParent)
	if isTrue(got.OomKillDisable) || !facts.noOOMKillDisable {
		c.text("oom_kill_disable", isTrue(got.OomKillDisable), isTrue(want.OomKillDisable))
	}
	c.blockIO()
}

// blockIO compares blkio_config.
func (c *comparison) blockIO() {
	want, got, dropped := c.want.host.Resources, c.got.container.HostConfig.Resources, c.got.facts.noBlockIO
	// With cgroup v1 an engine drops weights without a word in its information.
	noWeight := dropped || c.got.facts.cgroupVersion == "1"
	c.number("blkio_config.weight", int64(got.BlkioWeight), int64(want.BlkioWeight), noWeight)
	for _, list := range []struct {
		key      string
		old, new []string
	}{
		{"weight_device", printWeights(got.BlkioWeightDevice), printWeights(want.BlkioWeightDevice)},
		{"device_read_bps", printThrottles(got.BlkioDeviceReadBps), printThrottles(want.BlkioDeviceReadBps)},
		{"device_read_iops", printThrottles(got.BlkioDeviceReadIOps), printThrottles(want.BlkioDeviceReadIOps)},
		{"device_write_bps", printThrottles(got.BlkioDeviceWriteBps), printThrottles(want.BlkioDeviceWriteBps)},
		{"device_write_iops", printThrottles(got.BlkioDeviceWriteIOps), printThrottles(want.BlkioDeviceWriteIOps)},
	} {
		if len(list.old) > 0 || !dropped && (list.key != "weight_device" || !noWeight) {
			c.set("blkio_config."+list.key, list.old, list.new)
		}
	}
}

// swap compares memory plus swap. The engine writes twice the memory, or -1
// where the kernel cannot limit swap, into a container with a memory limit.
func (c *comparison) swap(want, got container.Resources) {
	filled := want.MemorySwap == 0 && want.Memory > 0 && (got.MemorySwap == 2*got.Memory || got.MemorySwap == -1)
	if !filled && (got.MemorySwap != -1 || !c.got.facts.noSwap) {
		c.number("memswap_limit", got.MemorySwap, want.MemorySwap, c.got.facts.noSwap)
	}
}

// pointed is a limit that may be missing; 0 and -1 mean none.
func pointed(limit *int64) int64 {
	if limit == nil || *limit == -1 {
		return 0
	}
	return *limit
}

// limits compares ulimits and devices. A daemon adds its default ulimits to
// containers when it starts them, so additional ones are no difference.
func (c *comparison) limits() {
	want, got := c.want.host.Resources, c.got.container.HostConfig.Resources
	old := map[string]string{}
	for _, limit := range got.Ulimits {
		if limit != nil {
			old[limit.Name] = fmt.Sprintf("%d:%d", limit.Soft, limit.Hard)
		}
	}
	for _, limit := range want.Ulimits {
		c.text("ulimits."+limit.Name, old[limit.Name], fmt.Sprintf("%d:%d", limit.Soft, limit.Hard))
	}
	c.set("devices", printDevices(got.Devices), printDevices(want.Devices))
	c.set("device_cgroup_rules", got.DeviceCgroupRules, want.DeviceCgroupRules)
	c.set("gpus", printRequests(got.DeviceRequests), printRequests(want.DeviceRequests))
}

func printDevices(devices []container.DeviceMapping) []string {
	var result []string
	for _, device := range devices {
		result = append(result, device.PathOnHost+":"+or(device.PathInContainer, device.PathOnHost)+":"+or(device.CgroupPermissions, "rwm"))
	}
	return result
}

func printRequests(requests []container.DeviceRequest) []string {
	var result []string
	for _, request := range requests {
		count := request.Count
		if len(request.DeviceIDs) > 0 {
			count = 0
		}
		result = append(result, fmt.Sprintf("driver=%s count=%d ids=%v capabilities=%v options=%s",
			request.Driver, count, request.DeviceIDs, request.Capabilities, printMapping(request.Options)))
	}
	return result
}

func printWeights(devices []*blkiodev.WeightDevice) []string {
	var result []string
	for _, device := range devices {
		result = append(result, device.String())
	}
	return result
}

func printThrottles(devices []*blkiodev.ThrottleDevice) []string {
	var result []string
	for _, device := range devices {
		result = append(result, device.String())
	}
	return result
}
