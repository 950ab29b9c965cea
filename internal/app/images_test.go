package app_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

const daily = `name: fresh
services:
  a: {image: busybox, pull_policy: daily}
  b: {image: busybox, pull_policy: weekly}
  c: {image: busybox, pull_policy: every_2h}
`

func TestOnlyPoliciesThatGoByAgeCostAnInspection(t *testing.T) {
	e := enginetest.New()
	defer e.Close()
	e.AddImage(engine.Image{Tags: []string{"busybox:latest"}, LastTagged: time.Now()})
	b := &bench{t: t, e: e, dir: t.TempDir()}
	b.up("name: fresh\nservices:\n  a: {image: busybox}\n")
	e.ResetCalls()
	b.up("name: fresh\nservices:\n  a: {image: busybox, pull_policy: missing}\n")
	if n := e.Count("InspectImage"); n != 0 {
		t.Errorf("policy missing inspected %d images", n)
	}
	e.ResetCalls()
	b.up(daily)
	if n := e.Count("InspectImage"); n > 1 {
		t.Errorf("one image of three services was inspected %d times", n)
	}
	if n := e.Count("PullImage"); n != 0 {
		t.Errorf("an image of this moment was pulled %d times", n)
	}
}

func TestAnOldImageIsPulledOnceAndThenKnownToBeNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.New()
		defer e.Close()
		e.AddImage(engine.Image{Tags: []string{"busybox:latest"}})
		e.AddRemote(engine.Image{Tags: []string{"busybox:latest"}})
		time.Sleep(8 * 24 * time.Hour)
		b := &bench{t: t, e: e, dir: t.TempDir()}
		b.up(daily)
		if pulls, tags := e.Count("PullImage"), e.Count("TagImage"); pulls != 1 || tags != 1 {
			t.Errorf("%d pulls and %d tags, want one each", pulls, tags)
		}
	})
}

func TestAnImageThatHasGoneIsListedAsItsContainerKnowsIt(t *testing.T) {
	b := newBench(t, "web")
	pinned := "pinned@sha256:" + strings.Repeat("ab", 32)
	b.e.AddImage(engine.Image{Digests: []string{pinned}, OS: "linux", Architecture: "arm64"})
	files := "name: shop\nservices:\n  web: {image: web}\n  fixed: {image: " + pinned + "}\n"
	b.up(files)
	gone := false
	b.e.FailOn(func(c enginetest.Call) error {
		if gone && c.Method == "InspectImage" {
			return &engine.Error{Op: "inspect image", Kind: engine.ErrNotFound, Text: "No such image"}
		}
		return nil
	})
	for _, gone = range []bool{false, true} {
		rows, err := b.app(files).Images(t.Context(), app.ImagesRequest{})
		if err != nil || len(rows) != 2 {
			t.Fatal(rows, err)
		}
		if r := rows[0]; r.Repository != "pinned" || r.Tag != "<none>" || r.Platform != map[bool]string{false: "linux/arm64", true: ""}[gone] || r.ID == "" {
			t.Errorf("%+v", r)
		}
		if r := rows[1]; r.Repository != "web" || r.Tag != "latest" || r.ID == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestEachPullThatFailedIsInTheError(t *testing.T) {
	b := newBench(t)
	var both sync.WaitGroup
	both.Add(2)
	b.e.FailOn(func(c enginetest.Call) error {
		if c.Method != "PullImage" {
			return nil
		}
		both.Done()
		both.Wait()
		return &engine.Error{Op: "pull image", Kind: engine.ErrDenied, Text: "no " + c.Args[0]}
	})
	err := b.app("name: two\nservices:\n  a: {image: one}\n  b: {image: other}\n").Pull(t.Context(), app.PullRequest{})
	if !errors.Is(err, engine.ErrDenied) || !strings.Contains(err.Error(), "no one") || !strings.Contains(err.Error(), "no other") {
		t.Errorf("%v", err)
	}
}

func TestDryRunsOfPullAndPushAskNobody(t *testing.T) {
	b := newBench(t)
	a := b.app("name: dry\nservices:\n  web: {image: web, build: .}\n")
	if err := a.Pull(t.Context(), app.PullRequest{DryRun: true}); err != nil {
		t.Error(err)
	}
	if err := a.Push(t.Context(), app.PushRequest{DryRun: true}); err != nil {
		t.Error(err)
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("requests of a dry run: %v", calls)
	}
}
