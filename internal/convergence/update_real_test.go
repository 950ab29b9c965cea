package convergence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// defaultUpdateKills is for want of BERTH_KILLS: of each kind of update two.
const defaultUpdateKills = 6

// updated has two replicas that are updated one after the other, with data in a
// named and in anonymous volumes. Where sick is set, the first new replica is good
// and the second is not.
func updated(version int, order string, sick bool) string {
	command := `exec sleep 1000`
	if sick {
		command = `mkdir /named/$$VERSION && exec sleep 1000; exit 1`
	}
	return fmt.Sprintf(`services:
  web:
    image: %s
    command: ["sh", "-c", "%s"]
    init: true
    stop_grace_period: 1s
    environment: {VERSION: "%d"}
    volumes: [data:/named, /anonymous]
    deploy:
      replicas: 2
      update_config: {order: %s, monitor: 500ms, failure_action: rollback}
      rollback_config: {order: %[4]s, monitor: 500ms}
volumes: {data: {}}
`, testengine.BusyboxImage, command, version, order)
}

// killed runs an up that is killed after a while, and tells what that left.
func (p *realProject) killed(moment time.Duration) string {
	p.t.Helper()
	cmd := testengine.Command(p.t, p.dir, p.env, "up", "-d")
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	time.Sleep(moment)
	if err := cmd.Process.Kill(); err != nil {
		p.t.Logf("it had ended before %s", moment)
	}
	_ = cmd.Wait() // it was killed
	return keys(p.containers())
}

func TestAKillAtAnyMomentOfAnUpdateOrOfItsRollbackIsHealedByThePlainUp(t *testing.T) {
	p := newRealProject(t)
	p.write(updated(0, "stop-first", false))
	p.up()
	wantContainers, wantVolumes := keys(p.containers()), keys(p.volumes())
	kinds := []struct {
		order  string
		sick   bool
		within time.Duration // what the update takes, with its rollback
	}{
		{"stop-first", false, 2500 * time.Millisecond},
		{"start-first", false, 2500 * time.Millisecond},
		{"stop-first", true, 4500 * time.Millisecond},
	}
	kills := setting("BERTH_KILLS", defaultUpdateKills)
	for i := range kills {
		kind := kinds[i%len(kinds)]
		moment := kind.within * time.Duration(i+1) / time.Duration(kills+1)
		p.write(updated(2*i+1, kind.order, kind.sick))
		between := p.killed(moment)
		version := 2*i + 1
		if kind.sick { // and what is not good is mended
			version++
			p.write(updated(version, kind.order, false))
		}
		p.up()
		told := fmt.Sprintf("kill %d (%+v) after %s left %s", i, kind, moment, between)
		if got := keys(p.containers()); got != wantContainers {
			t.Fatalf("%s; the plain up made of it %s", told, got)
		}
		if got := keys(p.volumes()); got != wantVolumes {
			t.Fatalf("%s: volumes are %s, were %s", told, got, wantVolumes)
		}
		for name := range p.containers() {
			env := fmt.Sprint(testengine.Inspect(t, name)["Config"])
			if !strings.Contains(env, fmt.Sprintf("VERSION=%d", version)) {
				t.Fatalf("%s: %s is not up to date", told, name)
			}
		}
	}
}
