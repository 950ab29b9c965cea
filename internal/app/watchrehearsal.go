package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/watch"
	"github.com/berth-dev/berth/pkg/event"
)

// rehearsedFiles is how many files of one change are named.
const rehearsedFiles = 20

// target is what carries out the rules, or only tells what they would lead to.
func (t *watched) target() watch.Target {
	if t.request.DryRun {
		return watchRehearsal{t}
	}
	return t
}

// rehearsing marks all that is told as not having happened.
func rehearsing(sink event.Sink) event.Sink {
	return event.SinkFunc(func(e event.Event) {
		e.DryRun = true
		sink.Emit(e)
	})
}

// watchRehearsal tells, change by change, what watching would do. Rebuilds and
// restarts are rehearsed as those of up and restart are. No container need be
// there: the up before it is a rehearsal as well.
type watchRehearsal struct{ *watched }

// Sync names the files that would be copied, or removed.
func (t watchRehearsal) Sync(_ context.Context, service string, files []watch.File) error {
	var texts []string
	for _, f := range files {
		switch _, err := os.Lstat(f.Source); {
		case f.Gone:
			texts = append(texts, fmt.Sprintf("Would remove %s:%s", service, f.Target))
		case err == nil: // else it is gone meanwhile: that is the next change
			texts = append(texts, fmt.Sprintf("Would copy %s to %s:%s", f.Source, service, f.Target))
		}
	}
	for i, text := range texts {
		if i == rehearsedFiles {
			t.would(service, fmt.Sprintf("... and %d more", len(texts)-i))
			break
		}
		t.would(service, text)
	}
	return nil
}

// Exec names the command that would run.
func (t watchRehearsal) Exec(_ context.Context, service string, hook types.ServiceHook) error {
	t.would(service, fmt.Sprintf("Would run in %s: %s", service, strings.Join(hook.Command, " ")))
	return nil
}

func (t watchRehearsal) would(service, text string) {
	t.app.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: time.Now(), Kind: event.KindNotice, Project: t.project,
		Service: service, Text: text, DryRun: true,
	})
}
