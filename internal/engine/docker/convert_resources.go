package docker

import (
	"regexp"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/blkiodev"
	"github.com/docker/docker/api/types/container"
)

// cdiPattern is a fully qualified name of the Container Device Interface:
// vendor/class=name.
const cdiPattern = `^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*=[A-Za-z0-9][A-Za-z0-9_.:-]*$`

// newResources merges the service's own resource keys with deploy.resources,
// which wins.
func newResources(service types.ServiceConfig) container.Resources {
	oomKillDisable := service.OomKillDisable
	result := container.Resources{
		CgroupParent:       service.CgroupParent,
		CPUCount:           service.CPUCount,
		CPUPercent:         int64(service.CPUPercent),
		CPUPeriod:          service.CPUPeriod,
		CPUQuota:           service.CPUQuota,
		CPURealtimePeriod:  service.CPURTPeriod,
		CPURealtimeRuntime: service.CPURTRuntime,
		CPUShares:          service.CPUShares,
		CpusetCpus:         service.CPUSet,
		DeviceCgroupRules:  service.DeviceCgroupRules,
		Memory:             int64(service.MemLimit),
		MemoryReservation:  int64(service.MemReservation),
		MemorySwap:         int64(service.MemSwapLimit),
		NanoCPUs:           int64(service.CPUS * 1e9),
		OomKillDisable:     &oomKillDisable,
		Ulimits:            newUlimits(service.Ulimits),
	}
	if service.MemSwappiness != 0 {
		swappiness := int64(service.MemSwappiness)
		result.MemorySwappiness = &swappiness
	}
	if service.PidsLimit != 0 {
		limit := service.PidsLimit
		result.PidsLimit = &limit
	}
	setBlockIO(&result, service.BlkioConfig)
	setDeployResources(&result, service.Deploy)
	setDevices(&result, service)
	return result
}

// setDeployResources applies deploy.resources. Reserved CPUs and generic
// resources are a scheduler's matter; the engine has nothing for them.
func setDeployResources(result *container.Resources, deploy *types.DeployConfig) {
	if deploy == nil {
		return
	}
	if limits := deploy.Resources.Limits; limits != nil {
		if limits.MemoryBytes != 0 {
			result.Memory = int64(limits.MemoryBytes)
		}
		if limits.NanoCPUs != 0 {
			result.NanoCPUs = int64(limits.NanoCPUs * 1e9)
		}
		if limits.Pids > 0 {
			pids := limits.Pids
			result.PidsLimit = &pids
		}
	}
	if reserved := deploy.Resources.Reservations; reserved != nil {
		if reserved.MemoryBytes != 0 {
			result.MemoryReservation = int64(reserved.MemoryBytes)
		}
		for _, device := range reserved.Devices {
			result.DeviceRequests = append(result.DeviceRequests, newDeviceRequest(device, device.Capabilities))
		}
	}
}

// setDevices adds devices: by path, by CDI name, and GPUs.
func setDevices(result *container.Resources, service types.ServiceConfig) {
	qualified := regexp.MustCompile(cdiPattern)
	var names []string
	for _, device := range service.Devices {
		if device.Source == device.Target && qualified.MatchString(device.Source) {
			names = append(names, device.Source)
			continue
		}
		result.Devices = append(result.Devices, container.DeviceMapping{
			PathOnHost: device.Source, PathInContainer: device.Target, CgroupPermissions: device.Permissions,
		})
	}
	if len(names) > 0 {
		result.DeviceRequests = append(result.DeviceRequests, container.DeviceRequest{Driver: "cdi", DeviceIDs: names})
	}
	for _, gpu := range service.Gpus {
		capabilities := append([]string(nil), gpu.Capabilities...)
		result.DeviceRequests = append(result.DeviceRequests, newDeviceRequest(gpu, append(capabilities, "gpu")))
	}
}

func newDeviceRequest(device types.DeviceRequest, capabilities []string) container.DeviceRequest {
	return container.DeviceRequest{
		Driver: device.Driver, Count: int(device.Count), DeviceIDs: device.IDs,
		Capabilities: [][]string{capabilities}, Options: device.Options,
	}
}

// newUlimits are the limits by name; a single value is both soft and hard.
func newUlimits(limits map[string]*types.UlimitsConfig) []*container.Ulimit {
	var result []*container.Ulimit
	for _, name := range sortedKeys(limits) {
		limit := limits[name]
		if limit == nil {
			continue
		}
		soft, hard := limit.Soft, limit.Hard
		if limit.Single != 0 {
			soft, hard = limit.Single, limit.Single
		}
		result = append(result, &container.Ulimit{Name: name, Soft: int64(soft), Hard: int64(hard)})
	}
	return result
}

// setBlockIO applies blkio_config.
func setBlockIO(result *container.Resources, config *types.BlkioConfig) {
	if config == nil {
		return
	}
	result.BlkioWeight = config.Weight
	for _, device := range config.WeightDevice {
		result.BlkioWeightDevice = append(result.BlkioWeightDevice, &blkiodev.WeightDevice{Path: device.Path, Weight: device.Weight})
	}
	result.BlkioDeviceReadBps = newThrottles(config.DeviceReadBps)
	result.BlkioDeviceReadIOps = newThrottles(config.DeviceReadIOps)
	result.BlkioDeviceWriteBps = newThrottles(config.DeviceWriteBps)
	result.BlkioDeviceWriteIOps = newThrottles(config.DeviceWriteIOps)
}

func newThrottles(devices []types.ThrottleDevice) []*blkiodev.ThrottleDevice {
	var result []*blkiodev.ThrottleDevice
	for _, device := range devices {
		result = append(result, &blkiodev.ThrottleDevice{Path: device.Path, Rate: uint64(device.Rate)}) //nolint:gosec // the loader refuses negative rates
	}
	return result
}
