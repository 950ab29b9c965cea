//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/internal/testengine/proxy"
)

// reaction prints how long each tool takes from the engine's word that a
// service is healthy to the request that starts the next one.
func (b *bench) reaction(ctx context.Context, dir string) error {
	fmt.Println()
	for _, tool := range b.tools {
		if err := b.clear(ctx, dir); err != nil {
			return err
		}
		gaps, err := b.gaps(ctx, tool, dir)
		if err = errors.Join(err, b.clear(ctx, dir)); err != nil {
			return err
		}
		slices.Sort(gaps)
		fmt.Printf("From healthy to the next start request, %s: median %.1f ms, worst %.1f ms.\n",
			tool.name, milliseconds(gaps[len(gaps)/2]), milliseconds(gaps[len(gaps)-1]))
	}
	return nil
}

// gaps brings the chain up through a proxy that holds nothing up. For each
// start request it takes the time since the last health event before it.
func (b *bench) gaps(ctx context.Context, tool tool, dir string) ([]time.Duration, error) {
	between, err := proxy.Start(filepath.Join(b.dir, "engine.sock"), b.engine.Host, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = between.Close() }()
	watch, err := b.engine.Watch(ctx, "com.docker.compose.project="+filepath.Base(dir))
	if err != nil {
		return nil, err
	}
	defer watch.Stop()
	if _, err := tool.run(ctx, between.Host(), dir, "up", "-d"); err != nil {
		return nil, err
	}
	gaps := reactions(between.Requests(), watch.Events())
	if len(gaps) == 0 {
		return nil, errors.New("no start request followed a health event")
	}
	return gaps, nil
}

// reactions matches the start requests with the health events before them.
func reactions(requests []proxy.Request, events []testengine.Event) []time.Duration {
	var gaps []time.Duration
	for _, request := range requests {
		if path.Base(request.Path) != "start" {
			continue
		}
		var last time.Time
		for _, event := range events {
			if strings.HasPrefix(event.Action, "health_status: healthy") && event.Time.Before(request.Start) {
				last = event.Time
			}
		}
		if !last.IsZero() {
			gaps = append(gaps, request.Start.Sub(last))
		}
	}
	return gaps
}
