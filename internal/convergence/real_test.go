package convergence

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// The real-engine tests scale with these variables; the defaults still find
// the faults they are for.
const (
	defaultKills = 10 // BERTH_KILLS
	defaultRaces = 3  // BERTH_RACES
)

// threeServices has data in a named and in an anonymous volume per service.
func threeServices(version int) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for _, name := range []string{"one", "two", "three"} {
		fmt.Fprintf(&b, `  %[1]s:
    image: %[2]s
    command: sh -c 'echo %[1]s >> /named/log; echo %[1]s >> /anonymous/log; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    environment: {VERSION: "%[3]d"}
    volumes: [%[1]s-data:/named, /anonymous]
`, name, testengine.BusyboxImage, version)
	}
	b.WriteString("    depends_on: [one, two]\nvolumes: {one-data: {}, two-data: {}, three-data: {}}\n")
	return b.String()
}

type realProject struct {
	t    *testing.T
	name string
	dir  string
	env  []string
}

func newRealProject(t *testing.T) *realProject {
	t.Helper()
	testengine.Require(t)
	testengine.Images(t)
	name := testengine.Project(t)
	return &realProject{t: t, name: name, dir: t.TempDir(), env: []string{"COMPOSE_PROJECT_NAME=" + name}}
}

func (p *realProject) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "compose.yaml"), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *realProject) up(args ...string) {
	p.t.Helper()
	_, stderr, code := testengine.Run(p.t, p.dir, p.env, append([]string{"up", "-d"}, args...)...)
	if code != 0 {
		p.t.Fatalf("up failed (%d):\n%s", code, stderr)
	}
}

// containers maps the names of the project's containers to their states.
func (p *realProject) containers() map[string]string {
	out := map[string]string{}
	for _, c := range testengine.List(p.t, "/containers/json", "com.docker.compose.project="+p.name) {
		names, _ := c["Names"].([]any)
		state, _ := c["State"].(string)
		out[strings.TrimPrefix(fmt.Sprint(names[0]), "/")] = state
	}
	return out
}

// volumes maps each mount of each container to its volume.
func (p *realProject) volumes() map[string]string {
	out := map[string]string{}
	for name := range p.containers() {
		mounts, _ := testengine.Inspect(p.t, name)["Mounts"].([]any)
		for _, m := range mounts {
			mount, _ := m.(map[string]any)
			out[fmt.Sprint(name, mount["Destination"])] = fmt.Sprint(mount["Name"])
		}
	}
	return out
}

func keys(m map[string]string) string {
	var list []string
	for k, v := range m {
		list = append(list, k+" "+v)
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

func TestAKillAtAnyMomentOfARecreationIsHealedByThePlainUp(t *testing.T) {
	p := newRealProject(t)
	p.write(threeServices(0))
	p.up()
	wantContainers, wantVolumes := keys(p.containers()), keys(p.volumes())
	kills := setting("BERTH_KILLS", defaultKills)
	r := rand.New(rand.NewPCG(uint64(kills), 1))
	for i := range kills {
		p.write(threeServices(i + 1))
		cmd := testengine.Command(t, p.dir, p.env, "up", "-d")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Spread over the time that a recreation takes here, with some jitter.
		moment := time.Duration(i)*2500*time.Millisecond/time.Duration(kills) + time.Duration(r.IntN(100))*time.Millisecond
		time.Sleep(moment)
		if err := cmd.Process.Kill(); err != nil {
			t.Logf("it had ended before %s", moment)
		}
		_ = cmd.Wait() // it was killed
		between := keys(p.containers())
		p.up()
		if got := keys(p.containers()); got != wantContainers {
			t.Fatalf("kill %d after %s left %s; the plain up made of it %s", i, moment, between, got)
		}
		if got := keys(p.volumes()); got != wantVolumes {
			t.Fatalf("kill %d after %s: volumes are %s, were %s", i, moment, got, wantVolumes)
		}
		for name := range p.containers() {
			env := fmt.Sprint(testengine.Inspect(t, name)["Config"])
			if !strings.Contains(env, fmt.Sprintf("VERSION=%d", i+1)) {
				t.Fatalf("kill %d after %s: %s is not up to date", i, moment, name)
			}
		}
	}
	t.Logf("%d of %d kills healed", kills, kills)
}

func TestConcurrentUpsOfOneProjectAllSucceed(t *testing.T) {
	p := newRealProject(t)
	for round := range setting("BERTH_RACES", defaultRaces) {
		for _, writers := range []int{2, 4} {
			p.write(threeServices(round*10 + writers))
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					if _, stderr, code := testengine.Run(t, p.dir, p.env, "up", "-d"); code != 0 {
						t.Errorf("one of %d concurrent ups failed (%d):\n%s", writers, code, stderr)
					}
				})
			}
			wg.Wait()
			want := fmt.Sprintf("%[1]s-one-1 running, %[1]s-three-1 running, %[1]s-two-1 running", p.name)
			if got := keys(p.containers()); got != want {
				t.Fatalf("after %d concurrent ups: %s", writers, got)
			}
		}
	}
}

func TestUpAgainstDownLeavesAllOrNothing(t *testing.T) {
	p := newRealProject(t)
	p.write(threeServices(0))
	for round := range 2 * setting("BERTH_RACES", defaultRaces) {
		down := []string{"down"}
		if round%2 > 0 {
			down = append(down, "-v")
		}
		var wg sync.WaitGroup
		for _, args := range [][]string{{"up", "-d"}, down} {
			wg.Go(func() {
				if _, stderr, code := testengine.Run(t, p.dir, p.env, args...); code != 0 {
					t.Errorf("%v failed (%d):\n%s", args, code, stderr)
				}
			})
		}
		wg.Wait()
		if n := len(p.containers()); n != 0 && n != 3 {
			t.Fatalf("%d containers are left: %s", n, keys(p.containers()))
		}
	}
}
