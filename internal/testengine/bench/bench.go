//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/internal/testengine/proxy"
)

// startupServices is the size of the project that config is measured on.
const startupServices = 10

// engineTime is what the engine needs at most for one container's request, one
// after the other. Requests that do not wait for each other must be held up for
// longer than that for all of them, or they look like a chain by chance.
const engineTime = 60 * time.Millisecond

// bench is one session of measuring.
type bench struct {
	settings
	engine testengine.Engine
	dir    string
}

// step is a command whose cost is measured; before runs unmeasured ahead of
// it.
type step struct {
	name   string
	args   []string
	before []string
}

// steps are the life of a project.
func steps() []step {
	return []step{
		{name: "up -d, fresh", args: []string{"up", "-d"}, before: []string{"down", "-t", "0"}},
		{name: "up -d, nothing to do", args: []string{"up", "-d"}},
		{name: "ps", args: []string{"ps"}},
		{name: "stop", args: []string{"stop", "-t", "0"}, before: []string{"up", "-d"}},
		{name: "down", args: []string{"down", "-t", "0"}, before: []string{"up", "-d"}},
	}
}

// startup measures what needs no engine.
func (b *bench) startup(ctx context.Context) error {
	dir, err := b.project("startup", independent(startupServices))
	if err != nil {
		return err
	}
	fmt.Printf("\n## Start-up\n\n%s", heading("command", b.names()))
	for _, args := range [][]string{{"version"}, {"config"}, {"config", "--quiet"}} {
		var cells []cost
		for _, tool := range b.tools {
			measured, err := b.repeat(ctx, tool, dir, step{args: args})
			if err != nil {
				return err
			}
			cells = append(cells, measured)
		}
		fmt.Println(row("`"+strings.Join(args, " ")+"`", cells))
	}
	return nil
}

// independent measures projects whose services do not depend on each other.
func (b *bench) independent(ctx context.Context) error {
	for _, size := range b.sizes {
		dir, err := b.project(fmt.Sprintf("berthbench%d", size), independent(size))
		if err != nil {
			return err
		}
		fmt.Printf("\n## %d independent services\n\n", size)
		if err := b.life(ctx, dir, size); err != nil {
			return err
		}
	}
	return nil
}

// chain measures ten services of which each waits for the health of the one
// before it, with the way from a health event to the next start.
func (b *bench) chain(ctx context.Context) error {
	const size = 10
	dir, err := b.project("berthbenchchain", dependent(size))
	if err != nil {
		return err
	}
	fmt.Printf("\n## A chain of %d services, each healthy before the next\n\n", size)
	if err := b.life(ctx, dir, size); err != nil {
		return err
	}
	return b.reaction(ctx, dir)
}

// life takes every tool through the steps and prints times and requests.
func (b *bench) life(ctx context.Context, dir string, size int) (err error) {
	defer func() { err = errors.Join(err, b.clear(ctx, dir)) }()
	fmt.Print(heading("command", b.names()))
	counts := map[string][]string{}
	for _, step := range steps() {
		var cells []cost
		for _, tool := range b.tools {
			measured, err := b.repeat(ctx, tool, dir, step)
			if err != nil {
				return err
			}
			cells = append(cells, measured)
		}
		fmt.Println(row(step.name, cells))
	}
	for _, tool := range b.tools {
		if err := b.clear(ctx, dir); err != nil {
			return err
		}
		for _, step := range steps() {
			counted, err := b.count(ctx, tool, dir, size, step)
			if err != nil {
				return err
			}
			counts[step.name] = append(counts[step.name], counted)
		}
	}
	fmt.Printf("\nRequests to the engine, and the longest chain of them (N = %d):\n\n| command | %s |\n|---|%s\n",
		size, strings.Join(b.names(), " | "), strings.Repeat("---|", len(b.tools)))
	for _, step := range steps() {
		fmt.Printf("| %s | %s |\n", step.name, strings.Join(counts[step.name], " | "))
	}
	return nil
}

// repeat is the median of a step's runs straight on the engine.
func (b *bench) repeat(ctx context.Context, tool tool, dir string, step step) (cost, error) {
	var costs []cost
	for range b.runs {
		if step.before != nil {
			if _, err := tool.run(ctx, b.engine.Host, dir, step.before...); err != nil {
				return cost{}, err
			}
		}
		measured, err := tool.run(ctx, b.engine.Host, dir, step.args...)
		if err != nil {
			return cost{}, err
		}
		costs = append(costs, measured)
	}
	return median(costs), nil
}

// count runs a step once through the slow proxy and tells its requests.
func (b *bench) count(ctx context.Context, tool tool, dir string, size int, step step) (string, error) {
	delay := b.delay
	if delay == 0 {
		delay = 100*time.Millisecond + time.Duration(size)*engineTime
	}
	if step.before != nil {
		if _, err := tool.run(ctx, b.engine.Host, dir, step.before...); err != nil {
			return "", err
		}
	}
	between, err := proxy.Start(filepath.Join(b.dir, "engine.sock"), b.engine.Host, delay)
	if err != nil {
		return "", err
	}
	defer func() { _ = between.Close() }()
	if _, err := tool.run(ctx, between.Host(), dir, step.args...); err != nil {
		return "", err
	}
	requests := between.Requests()
	chain := proxy.Chain(requests)
	if err := b.record(tool, dir, step, requests, chain); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d in a chain of %d", len(requests), len(chain)), nil
}

// record adds every request to the log, with those of the chain marked.
func (b *bench) record(tool tool, dir string, step step, requests, chain []proxy.Request) error {
	if b.log == "" || len(requests) == 0 {
		return nil
	}
	log, err := os.OpenFile(b.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "# %s: %s: %s\n", filepath.Base(dir), tool.name, step.name)
	chained := map[proxy.Request]bool{}
	for _, request := range chain {
		chained[request] = true
	}
	for _, request := range requests {
		mark := " "
		if chained[request] {
			mark = "*"
		}
		fmt.Fprintf(log, "%s %7.1f ms %s\n", mark, milliseconds(request.Start.Sub(requests[0].Start)), request)
	}
	return log.Close()
}

// clear removes the project from the engine, without the measured tools.
func (b *bench) clear(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	return b.engine.RemoveProject(ctx, filepath.Base(dir))
}

// names are the tools' names.
func (b *bench) names() []string {
	var names []string
	for _, tool := range b.tools {
		names = append(names, tool.name)
	}
	return names
}
