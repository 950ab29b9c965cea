package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
)

// Stats hands samples of a container's resource use to each, once or, with
// stream, about every second until the container or the context ends or each
// fails. A single sample takes a second: the engine measures twice.
func (e *Engine) Stats(ctx context.Context, id string, stream bool, each func(engine.Stats) error) error {
	const op = "measure container"
	if err := e.ready(ctx, op, id); err != nil {
		return err
	}
	answer, err := e.cli.ContainerStats(ctx, id, stream)
	if err != nil {
		return e.fail(ctx, op, id, err)
	}
	decoder := json.NewDecoder(answer.Body)
	for {
		var sample container.StatsResponse
		if err = decoder.Decode(&sample); err != nil {
			break
		}
		if err = each(convertStats(sample)); err != nil {
			return errors.Join(err, answer.Body.Close())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return e.fail(ctx, op, id, errors.Join(err, answer.Body.Close()))
}

// convertStats computes what `docker stats` shows.
func convertStats(sample container.StatsResponse) engine.Stats {
	result := engine.Stats{
		Time: sample.Read, ID: sample.ID, Name: strings.TrimPrefix(sample.Name, "/"),
		CPUPercent:  cpuPercent(sample.PreCPUStats, sample.CPUStats),
		MemoryUsage: memoryInUse(sample.MemoryStats), MemoryLimit: sample.MemoryStats.Limit,
		PIDs: sample.PidsStats.Current,
	}
	if result.MemoryLimit > 0 {
		result.MemoryPercent = float64(result.MemoryUsage) / float64(result.MemoryLimit) * 100
	}
	for _, network := range sample.Networks {
		result.NetworkRx += network.RxBytes
		result.NetTx += network.TxBytes
	}
	for _, entry := range sample.BlkioStats.IoServiceBytesRecursive {
		switch strings.ToLower(entry.Op) {
		case "read":
			result.BlockRead += entry.Value
		case "write":
			result.BlockWrite += entry.Value
		}
	}
	return result
}

// cpuPercent is the share of one processor used between two measurements.
func cpuPercent(before, after container.CPUStats) float64 {
	used := float64(after.CPUUsage.TotalUsage) - float64(before.CPUUsage.TotalUsage)
	passed := float64(after.SystemUsage) - float64(before.SystemUsage)
	processors := float64(after.OnlineCPUs)
	if processors == 0 {
		processors = float64(len(after.CPUUsage.PercpuUsage))
	}
	if used <= 0 || passed <= 0 {
		return 0
	}
	return used / passed * processors * 100
}

// memoryInUse leaves out the page cache that the kernel can drop: it is called
// total_inactive_file with cgroup v1, inactive_file with v2.
func memoryInUse(memory container.MemoryStats) uint64 {
	cache, ok := memory.Stats["total_inactive_file"]
	if !ok {
		cache = memory.Stats["inactive_file"]
	}
	if cache < memory.Usage {
		return memory.Usage - cache
	}
	return memory.Usage
}
