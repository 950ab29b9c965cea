package convergence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// checkedReplicas has three replicas that are healthy a moment after their start,
// or never.
func checkedReplicas(version int, policy, probe string) string {
	return fmt.Sprintf(`services:
  web:
    image: %s
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    environment: {VERSION: "%d"}
    healthcheck: {test: "%s", interval: 300ms, retries: 2}
    deploy:
      replicas: 3
      update_config: {monitor: 300ms, failure_action: rollback, %s}
`, testengine.BusyboxImage, version, probe, policy)
}

// fewest replays events, and tells how few replicas were healthy at the worst
// moment, of those that were so at first, and how many have ended.
func fewest(healthy int, events []testengine.Event) (least, ended int) {
	least = healthy
	for _, e := range events {
		switch {
		case strings.HasPrefix(e.Action, "health_status: healthy"):
			healthy++
		case e.Action == "die":
			healthy--
			ended++
		}
		least = min(least, healthy)
	}
	return least, ended
}

func TestAnUpdateKeepsAsManyReplicasHealthyAsItsPolicySays(t *testing.T) {
	p := newRealProject(t)
	p.write(checkedReplicas(0, "order: stop-first", "true"))
	p.up("--wait")
	for i, c := range []struct {
		policy string
		want   int
	}{
		{"order: start-first", 3},
		{"order: stop-first", 2},
		{"order: stop-first, parallelism: 2", 1},
		{"order: start-first, parallelism: 2", 3},
		{"order: start-first, parallelism: 0", 3},
	} {
		p.write(checkedReplicas(i+1, c.policy, "true"))
		events := testengine.WatchProject(t, p.name)
		p.up()
		least, ended := fewest(3, events.Events())
		// The engine may tell this listener later than it has told up.
		for late := time.Now().Add(10 * time.Second); ended < 3 && time.Now().Before(late); least, ended = fewest(3, events.Events()) {
			time.Sleep(20 * time.Millisecond)
		}
		events.Stop()
		if least != c.want || ended != 3 {
			t.Errorf("%s: %d replicas were healthy at the worst moment, want %d; %d have ended", c.policy, least, c.want, ended)
		}
	}
}

func TestAStartFirstUpdateThatFailsEndsNoneOfTheReplicasFromBefore(t *testing.T) {
	p := newRealProject(t)
	p.write(checkedReplicas(0, "order: start-first", "true"))
	p.up("--wait")
	want := keys(p.containers())
	ids := fmt.Sprint(p.ids())
	p.write(checkedReplicas(1, "order: start-first", "false"))
	events := testengine.WatchProject(t, p.name)
	_, stderr, code := testengine.Run(t, p.dir, p.env, "up", "-d")
	if code != 1 || !strings.Contains(stderr, "service web: the update failed, 1 of 3 new containers are not good") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	events.Stop()
	for _, e := range events.Events() {
		if name := e.Attributes["name"]; e.Action == "die" && !strings.Contains(name, "_") {
			t.Errorf("%s has ended", name)
		}
	}
	if got := keys(p.containers()); got != want || fmt.Sprint(p.ids()) != ids {
		t.Errorf("containers are %s, were %s", got, want)
	}
}
