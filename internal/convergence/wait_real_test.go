package convergence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestWaitTellsTheTruth(t *testing.T) {
	testengine.Require(t)
	testengine.Images(t)
	for _, c := range []struct {
		name, command, extra string
		code                 int
		says                 []string // all of these must be on stderr
	}{
		{"a service that never is healthy", "echo booting; sleep 1000",
			`healthcheck: {test: "echo no luck; exit 7", interval: 1s, retries: 2}`, 1,
			[]string{"web-1 is unhealthy", "no luck", "exit code 7", "booting"}},
		{"one that exits with 1", "echo bad config; exit 1", "", 1, []string{"web-1 exited (1)", "bad config"}},
		{"one that exits with 5 after a moment", "sleep 1; exit 5", "", 1, []string{"web-1 exited (5)"}},
		{"one that ends well but is always restarted", "echo again", "restart: always", 1, []string{"web-1 keeps restarting, last exited (0)"}},
		{"a crash loop", "echo boom; sleep 0.2; exit 3", "restart: on-failure", 1, []string{"web-1 keeps restarting, last exited (3)", "boom"}},
		{"one that is healthy and then dies", "sleep 3; exit 4", `healthcheck: {test: "true", interval: 1s}`, 1, []string{"web-1 exited (4)"}},
		{"one that takes longer than the limit", "sleep 1000",
			`healthcheck: {test: "false", interval: 60s}`, 1, []string{"web-1 is not ready after 12s"}},
		{"a one-shot that ends well", "echo done", "", 0, nil},
		{"a service without a health check that stays up", "sleep 1000", "", 0, nil},
		{"a healthy service", "sleep 1000", `healthcheck: {test: "true", interval: 1s}`, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newRealProject(t)
			p.write(fmt.Sprintf("services:\n  web:\n    image: %s\n    init: true\n    command: [sh, -c, %q]\n    %s\n",
				testengine.BusyboxImage, c.command, c.extra))
			_, stderr, code := testengine.Run(t, p.dir, p.env, "up", "-d", "--wait", "--wait-timeout", "12")
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, stderr)
			}
			for _, s := range c.says {
				if !strings.Contains(stderr, s) {
					t.Errorf("stderr does not say %q:\n%s", s, stderr)
				}
			}
		})
	}
}

func TestADependencyThatFailsIsNamedWithItsReason(t *testing.T) {
	for _, c := range []struct{ name, db, condition, says string }{
		{"unhealthy", `healthcheck: {test: "false", interval: 1s, retries: 1}`, "service_healthy", "dependency failed to start: container %s-db-1 is unhealthy"},
		{"exited", "healthcheck: {test: \"true\", interval: 60s}\n    entrypoint: [sh, -c, \"exit 9\"]", "service_healthy", "dependency failed to start: container %s-db-1 exited (9)"},
		{"without a health check", "", "service_healthy", "dependency failed to start: container %s-db-1 has no healthcheck configured"},
		{"not completed", `entrypoint: [sh, -c, "exit 9"]`, "service_completed_successfully", "service \"db\" didn't complete successfully: exit 9 (container %s-db-1 exited (9))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newRealProject(t)
			p.write(fmt.Sprintf(`services:
  db:
    image: %[1]s
    init: true
    command: sleep 1000
    %[2]s
  web:
    image: %[1]s
    init: true
    command: sleep 1000
    depends_on: {db: {condition: %[3]s}}
`, testengine.BusyboxImage, c.db, c.condition))
			_, stderr, code := testengine.Run(t, p.dir, p.env, "up", "-d")
			if want := fmt.Sprintf(c.says, p.name); code != 1 || !strings.Contains(stderr, want) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", code, want, stderr)
			}
			if state := p.containers()[p.name+"-web-1"]; state != "created" {
				t.Errorf("web is %s, want created: it must not start", state)
			}
		})
	}
}

func TestAnOptionalDependencyThatFailsIsOnlyAWarning(t *testing.T) {
	p := newRealProject(t)
	p.write(fmt.Sprintf(`services:
  cache:
    image: %[1]s
    init: true
    command: sleep 1000
    healthcheck: {test: "false", interval: 1s, retries: 1}
  web:
    image: %[1]s
    init: true
    command: sleep 1000
    depends_on: {cache: {condition: service_healthy, required: false}}
`, testengine.BusyboxImage))
	_, stderr, code := testengine.Run(t, p.dir, p.env, "up", "-d")
	if code != 0 || !strings.Contains(stderr, "optional dependency cache") || p.containers()[p.name+"-web-1"] != "running" {
		t.Errorf("exit code %d, containers %v:\n%s", code, p.containers(), stderr)
	}
}

func TestEachLinkOfAChainStartsWhenItsConditionIsMet(t *testing.T) {
	p := newRealProject(t)
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range 10 {
		fmt.Fprintf(&b, "  s%d:\n    image: %s\n    init: true\n    command: sleep 1000\n    stop_grace_period: 1s\n    healthcheck: {test: \"true\", interval: 1s}\n", i, testengine.BusyboxImage)
		if i > 0 {
			fmt.Fprintf(&b, "    depends_on: {s%d: {condition: service_healthy}}\n", i-1)
		}
	}
	p.write(b.String())
	events := testengine.WatchProject(t, p.name)
	p.up()
	order := chainOrder(events.Events())
	// The engine may tell this listener later than it has told up.
	for end := time.Now().Add(10 * time.Second); index(order, "start s9") < 0 && time.Now().Before(end); order = chainOrder(events.Events()) {
		time.Sleep(20 * time.Millisecond)
	}
	for i := 1; i < 10; i++ {
		healthy, start := index(order, fmt.Sprintf("healthy s%d", i-1)), index(order, fmt.Sprintf("start s%d", i))
		if healthy < 0 || start < healthy {
			t.Fatalf("s%d did not start after s%d was healthy: %v", i, i-1, order)
		}
	}
}

// chainOrder are the starts and the first word of health, as they happened.
func chainOrder(events []testengine.Event) []string {
	var order []string
	for _, e := range events {
		switch {
		case e.Action == "start":
			order = append(order, "start "+e.Attributes["com.docker.compose.service"])
		case strings.HasPrefix(e.Action, "health_status: healthy"):
			order = append(order, "healthy "+e.Attributes["com.docker.compose.service"])
		}
	}
	return order
}

func index(list []string, s string) int {
	for i, e := range list {
		if e == s {
			return i
		}
	}
	return -1
}
