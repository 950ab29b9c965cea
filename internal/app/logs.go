package app

import (
	"context"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/logs"
)

// LogSink takes what Logs reads.
type LogSink = logs.Sink

// Logs reads the output of containers into a sink.
func (a *App) Logs(ctx context.Context, r LogsRequest, sink LogSink) error {
	if r.Index > 0 && len(r.Services) != 1 {
		return &UsageError{"--index requires one service to be selected"}
	}
	opt, err := logOptions(r)
	if err != nil {
		return err
	}
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return err
	}
	if err := found.check(r.Services); err != nil {
		return err
	}
	if r.Index > 0 {
		if _, err := found.one(r.Services[0], r.Index); err != nil {
			return err
		}
	}
	opt.Project = found.state.Project
	if len(opt.Services) == 0 && found.model.Known != nil {
		opt.Services = sortedKeys(found.model.Known)
	}
	if r.Follow {
		opt.StopWhenDone = true
		return logs.Follow(ctx, a.engine, opt, sink)
	}
	return logs.Print(ctx, a.engine, logs.Select(found.state.Containers, opt), opt, sink)
}

func logOptions(r LogsRequest) (logs.Options, error) {
	opt := logs.Options{Services: r.Services, Index: r.Index}
	var err error
	now := time.Now()
	if opt.Since, err = logs.ParseTime("--since", r.Since, now); err != nil {
		return opt, err
	}
	if opt.Until, err = logs.ParseTime("--until", r.Until, now); err != nil {
		return opt, err
	}
	opt.Tail, err = logs.ParseTail("--tail", r.Tail)
	return opt, err
}
