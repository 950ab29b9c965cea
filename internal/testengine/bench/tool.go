//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tool is a compose tool that is measured.
type tool struct {
	name string
	// command is the program and its first arguments.
	command []string
}

// cost is what one run of a tool took.
type cost struct {
	wall, cpu time.Duration
	// memory is the peak resident size in bytes.
	memory int64
}

// run runs the tool on a compose file against the engine at host. A failure
// is an error with what the tool wrote.
func (t tool) run(ctx context.Context, host, dir string, args ...string) (cost, error) {
	arguments := append(slices.Clone(t.command[1:]), args...)
	command := exec.CommandContext(ctx, t.command[0], arguments...)
	var output bytes.Buffer
	command.Dir, command.Stdout, command.Stderr = dir, &output, &output
	command.Env = append(os.Environ(), "DOCKER_HOST="+host)
	start := time.Now()
	err := command.Run()
	wall := time.Since(start)
	if err != nil {
		return cost{}, fmt.Errorf("%s %s: %w: %s", t.name, strings.Join(args, " "), err, output.String())
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, fmt.Errorf("%s: the system does not say what the process used", t.name)
	}
	cpu := command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return cost{wall, cpu, usage.Maxrss * 1024}, nil
}

// median is the middle of the costs, taken for each quantity by itself.
func median(costs []cost) cost {
	return cost{
		wall:   middle(costs, func(c cost) time.Duration { return c.wall }),
		cpu:    middle(costs, func(c cost) time.Duration { return c.cpu }),
		memory: middle(costs, func(c cost) int64 { return c.memory }),
	}
}

// middle is the median of one quantity.
func middle[T ~int64](costs []cost, quantity func(cost) T) T {
	var values []T
	for _, one := range costs {
		values = append(values, quantity(one))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// String is a cost as a cell of a table.
func (c cost) String() string {
	return fmt.Sprintf("%.0f ms, %.0f ms CPU, %d MB", milliseconds(c.wall), milliseconds(c.cpu), c.memory>>20)
}

// milliseconds is a duration for people.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
