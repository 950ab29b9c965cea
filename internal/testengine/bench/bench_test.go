//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/internal/testengine/proxy"
)

func TestAReactionIsTheTimeFromTheLastHealthEventToTheStartRequest(t *testing.T) {
	at := func(milliseconds int) time.Time { return time.UnixMilli(int64(milliseconds)) }
	requests := []proxy.Request{
		{Path: "/containers/a/start", Start: at(0)}, // nothing was healthy before it
		{Path: "/containers/b/start", Start: at(105)},
		{Path: "/containers/b/json", Start: at(107)},
		{Path: "/containers/c/start", Start: at(220)},
	}
	events := []testengine.Event{
		{Action: "health_status: healthy", Time: at(100)},
		{Action: "start", Time: at(106)},
		{Action: "health_status: healthy", Time: at(200)},
	}
	gaps := reactions(requests, events)
	if len(gaps) != 2 || gaps[0] != 5*time.Millisecond || gaps[1] != 20*time.Millisecond {
		t.Errorf("reactions %v, want 5ms and 20ms", gaps)
	}
}

func TestTheMedianIsTakenForEachQuantityByItself(t *testing.T) {
	got := median([]cost{{1, 30, 200}, {3, 10, 100}, {2, 20, 300}})
	if got != (cost{2, 20, 200}) {
		t.Errorf("median %v", got)
	}
}

func TestTwoToolsGiveARatio(t *testing.T) {
	line := row("ps", []cost{{wall: 10 * time.Millisecond}, {wall: 25 * time.Millisecond}})
	if !strings.HasSuffix(line, "| 2.5 times |") {
		t.Errorf("row %q has no ratio", line)
	}
}
