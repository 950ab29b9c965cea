package enginetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

func TestInputThatNobodyReadsEndsWithTheRun(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		s := spec("a")
		s.Interactive = true
		id := started(t, e, s)
		ended := make(chan error, 1)
		go func() {
			streams := engine.Streams{In: strings.NewReader("unread")}
			ended <- e.Attach(t.Context(), id, engine.AttachOptions{Stdin: true}, streams)
		}()
		synctest.Wait()
		ok(t, e.StopContainer(t.Context(), id, engine.StopOptions{}))
		ok(t, <-ended)
	})
}

func TestASecondRunReadsItsOwnInput(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		s := spec("a", "cat")
		s.Interactive = true
		made := must[engine.CreatedContainer](t)(e.CreateContainer(t.Context(), s))
		var out strings.Builder
		for _, text := range []string{"one\n", "two\n"} {
			ended := make(chan error, 1)
			go func() {
				streams := engine.Streams{In: strings.NewReader(text), Out: &out}
				ended <- e.Attach(t.Context(), made.ID, engine.AttachOptions{Stdin: true}, streams)
			}()
			synctest.Wait()
			ok(t, e.StartContainer(t.Context(), made.ID))
			ok(t, <-ended)
		}
		if out.String() != "one\ntwo\n" {
			t.Errorf("got %q", out.String())
		}
	})
}

func TestAnExecEndsWithItsContextOrItsContainer(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := started(t, e, spec("a"))
		long := engine.ExecSpec{Cmd: []string{"sleep", "infinity"}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Exec(ctx, id, long, engine.Streams{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		codes := make(chan int, 1)
		go func() {
			code, err := e.Exec(t.Context(), id, long, engine.Streams{})
			if err != nil {
				t.Error(err)
			}
			codes <- code
		}()
		synctest.Wait()
		ok(t, e.KillContainer(t.Context(), id, ""))
		if code := <-codes; code != 137 {
			t.Errorf("code %d", code)
		}
	})
}

func TestATerminalsSizeIsKept(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := started(t, e, spec("a"))
		ok(t, e.ResizeContainer(t.Context(), id, engine.Size{Rows: 24, Columns: 80}))
		if got := e.Terminal(id); got.Rows != 24 || got.Columns != 80 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestStatisticsComeEverySecond(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := started(t, e, spec("a"))
		enough, begin := errors.New("enough"), time.Now()
		samples := 0
		err := e.Stats(t.Context(), id, true, func(s engine.Stats) error {
			if samples++; samples == 3 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || time.Since(begin) != 2*time.Second {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

func TestFilesInVolumesAreTheVolumes(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.AddImage(engine.Image{Tags: []string{"db:1"}, Volumes: []string{"/data"}})
		s := spec("a")
		s.Image = "db:1"
		made := must[engine.CreatedContainer](t)(e.CreateContainer(t.Context(), s))
		files := []engine.File{{Target: "/data/x", Content: []byte("1")}, {Target: "/etc/y", Content: []byte("2"), Mode: 0o400}}
		ok(t, e.CopyFiles(t.Context(), made.ID, files))
		volume := e.Snapshot().Volumes[0].Name
		if got := e.Files(made.ID); len(got) != 1 || got["/etc/y"].Mode != 0o400 || e.VolumeData(volume)["/x"] != "1" {
			t.Errorf("got %v and %v", got, e.VolumeData(volume))
		}
	})
}
