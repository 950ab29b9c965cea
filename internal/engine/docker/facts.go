package docker

import (
	"context"
	"strings"
)

// engineFacts are the engine's own defaults, which it writes into containers
// that ask for nothing.
type engineFacts struct {
	logDriver     string
	runtime       string
	cgroupVersion string
	// Limits that the kernel lacks (Linux has no share in per cent): the engine
	// drops them with a warning.
	noMemory, noSwap, noCPUQuota, noCPUShares, noCPUPercent, noCPUSet, noPids, noOOMKillDisable, noBlockIO bool
}

// engineFacts asks for the defaults once per engine.
func (e *Engine) engineFacts(ctx context.Context) (engineFacts, error) {
	e.facts.Lock()
	defer e.facts.Unlock()
	if e.facts.known != nil {
		return *e.facts.known, nil
	}
	info, err := e.cli.Info(ctx)
	if err != nil {
		return engineFacts{}, e.fail(ctx, "ask for the defaults of the engine", "", err)
	}
	facts := engineFacts{
		logDriver: info.LoggingDriver, runtime: info.DefaultRuntime, cgroupVersion: info.CgroupVersion,
		noMemory: !info.MemoryLimit, noSwap: !info.SwapLimit, noCPUQuota: !info.CPUCfsQuota,
		noCPUShares: !info.CPUShares, noCPUPercent: info.OSType != "windows", noCPUSet: !info.CPUSet, noPids: !info.PidsLimit, noOOMKillDisable: !info.OomKillDisable,
	}
	for _, warning := range info.Warnings {
		if strings.Contains(warning, "blkio") || strings.Contains(warning, "io.weight") || strings.Contains(warning, "io.max") {
			facts.noBlockIO = true
		}
	}
	e.facts.known = &facts
	return facts, nil
}
