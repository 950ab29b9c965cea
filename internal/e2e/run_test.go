package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/berth-dev/berth/internal/testengine"
)

const runServices = `
services:
  db:
    image: IMAGE
    command: ["sh", "-c", "` + loop + `"]
    healthcheck: {test: ["CMD", "test", "-e", "/proc/1"], interval: 1s}
  init:
    image: IMAGE
    command: ["sh", "-c", "sleep 1; exit 0"]
  web:
    image: IMAGE
    command: ["echo", "its own command"]
    environment: {COLOUR: blue, SHAPE: round}
    ports: ["80"]
    volumes: ["/anonymous"]
    stop_grace_period: 1s
    depends_on:
      db: {condition: service_healthy}
      init: {condition: service_completed_successfully}
  alone:
    image: IMAGE
    volumes: ["/anonymous"]
    stop_grace_period: 1s
`

func TestRun(t *testing.T) {
	t.Parallel()
	p := newProject(t, runServices)
	for _, c := range []struct {
		name string
		test func(*testing.T, project)
	}{
		{"starts what the service depends on and waits for it", testRunDependencies},
		{"passes 50 MB through cat unchanged", func(t *testing.T, p project) {
			pass(t, p.command("run", "--rm", "-T", "alone", "cat"), bigInput)
		}},
		{"gives the command's exit code", testRunCodes},
		{"gives 127 for a missing command and 126 for one that cannot be executed", testRunRefusals},
		{"keeps both outputs apart", func(t *testing.T, p project) {
			stdout, stderr, code := p.run("run", "--rm", "-q", "-T", "alone", "sh", "-c", "echo out; echo err >&2")
			if stdout != "out\n" || stderr != "err\n" || code != 0 {
				t.Errorf("%q, %q, %d", stdout, stderr, code)
			}
		}},
		{"takes settings from the command line", testRunSettings},
		{"publishes ports only when asked to", testRunPorts},
		{"has the service's names only when asked to", testRunAliases},
		{"runs in the background", testRunDetached},
		{"follows the size of the terminal", func(t *testing.T, p project) {
			testWindow(t, p.command("run", "--rm", "alone", "sh"))
		}},
		{"leaves its container without --rm", testRunLeaves},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := p
			inner.t = t
			c.test(t, inner)
		})
	}
	if volumes := testVolumes(t, p); len(volumes) > 1 { // that of the container left on purpose
		t.Errorf("volumes left over: %v", volumes)
	}
}

// testVolumes lists the anonymous volumes that the project's one-off containers
// had: they carry no label, so that they are recognised by being mounted.
func testVolumes(t *testing.T, p project) []string {
	t.Helper()
	var out []string
	for _, c := range testengine.List(t, "/containers/json", "com.docker.compose.project="+p.name, "com.docker.compose.oneoff=True") {
		for _, m := range c["Mounts"].([]any) {
			out = append(out, m.(map[string]any)["Name"].(string))
		}
	}
	return out
}

func testRunDependencies(t *testing.T, p project) {
	stdout, stderr, code := p.run("run", "--rm", "-T", "web")
	if stdout != "its own command\n" || code != 0 {
		t.Errorf("%q, %q, %d", stdout, stderr, code)
	}
	inOrder(t, stderr, "-db-1 Healthy")
	inOrder(t, stderr, "-init-1 Exited")
	states := p.containers()
	if states["db-1"] != "running" || states["init-1"] != "exited" || len(states) != 2 {
		t.Errorf("states: %v", states)
	}
}

func testRunCodes(t *testing.T, p project) {
	for _, want := range sampledCodes {
		if _, stderr, code := p.run("run", "--rm", "-T", "alone", "sh", "-c", fmt.Sprintf("exit %d", want)); code != want {
			t.Errorf("exit code %d, want %d: %s", code, want, stderr)
		}
	}
}

func testRunRefusals(t *testing.T, p project) {
	for _, c := range []struct {
		command string
		code    int
	}{{"no-such-command", 127}, {"/no/such/command", 127}, {"/etc", 126}, {"/etc/passwd", 126}} {
		stdout, stderr, code := p.run("run", "--rm", "-q", "-T", "alone", c.command)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.command) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", c.command, code, stdout, stderr)
		}
	}
	if states := p.containers(); len(states) != 2 {
		t.Errorf("left over: %v", states)
	}
}

func testRunSettings(t *testing.T, p project) {
	p.write("one.env", "FROM_FILE=${COLOUR_HERE:-none}\nSHAPE=square\n")
	out := p.must("run", "--rm", "-T", "--no-deps", "--env-from-file", "one.env", "-e", "COLOUR=red", "-e", "NOT_SET_HERE",
		"-u", "1000", "-w", "/tmp", "-v", p.dir+":/here:ro", "-l", "a=b", "--entrypoint", "sh -c",
		"web", "id -u; pwd; echo $COLOUR $SHAPE $FROM_FILE; test -e /here/one.env && echo mounted; env | grep -c NOT_SET || :")
	if out != "1000\n/tmp\nred square none\nmounted\n0\n" {
		t.Errorf("got %q", out)
	}
}

func testRunPorts(t *testing.T, p project) {
	for _, c := range []struct {
		flags []string
		port  string
	}{{nil, ""}, {[]string{"--service-ports"}, "80/tcp"}, {[]string{"-p", "127.0.0.1::81"}, "81/tcp"}} {
		args := append(append([]string{"run", "-d", "--no-deps"}, c.flags...), "web", "sleep", "1000")
		id := strings.TrimSpace(p.must(args...))
		bindings := testengine.Inspect(t, id)["HostConfig"].(map[string]any)["PortBindings"].(map[string]any)
		if _, ok := bindings[c.port]; ok != (c.port != "") || len(bindings) > 1 {
			t.Errorf("%v: bindings %v", c.flags, bindings)
		}
		testengine.Delete(t, "/containers/"+id+"?force=1&v=1")
	}
}

func testRunAliases(t *testing.T, p project) {
	for _, c := range []struct {
		flags []string
		want  bool
	}{{nil, false}, {[]string{"--use-aliases"}, true}} {
		args := append(append([]string{"run", "-d", "--no-deps"}, c.flags...), "alone", "sleep", "1000")
		id := strings.TrimSpace(p.must(args...))
		networks := testengine.Inspect(t, id)["NetworkSettings"].(map[string]any)["Networks"].(map[string]any)
		for _, n := range networks {
			aliases := fmt.Sprint(n.(map[string]any)["Aliases"])
			if strings.Contains(aliases, "alone ") || strings.Contains(aliases, "alone]") {
				if !c.want {
					t.Errorf("%v: aliases %s", c.flags, aliases)
				}
			} else if c.want {
				t.Errorf("%v: aliases %s", c.flags, aliases)
			}
		}
		testengine.Delete(t, "/containers/"+id+"?force=1&v=1")
	}
}

func testRunDetached(t *testing.T, p project) {
	id := strings.TrimSpace(p.must("run", "-d", "--rm", "alone", "sh", "-c", "sleep 2"))
	if len(id) != 64 {
		t.Fatalf("got %q", id)
	}
	labels := testengine.Inspect(t, id)["Config"].(map[string]any)["Labels"].(map[string]any)
	if labels["com.docker.compose.oneoff"] != "True" || labels["com.docker.compose.slug"] == "" {
		t.Errorf("labels: %v", labels)
	}
	if name := testengine.Inspect(t, id)["Name"].(string); !strings.HasPrefix(name, "/"+p.name+"-alone-run-") {
		t.Errorf("name: %s", name)
	}
	for end := time.Now().Add(patience); testengine.Exists(t, "containers", id); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("--rm does not remove it")
		}
	}
}

func testRunLeaves(t *testing.T, p project) {
	if out := p.must("run", "--name", p.name+"-kept", "-T", "alone", "echo", "hello"); out != "hello\n" {
		t.Errorf("got %q", out)
	}
	if states := p.containers(); states["kept"] != "exited" {
		t.Errorf("states: %v", states)
	}
}

func TestRunRemovesItsContainerAndVolumesWhenInterrupted(t *testing.T) {
	for _, c := range []struct {
		signal  syscall.Signal
		command string
		code    int
	}{
		{syscall.SIGINT, `trap "exit 5" INT; echo here; while :; do sleep 0.1; done`, 5},
		{syscall.SIGTERM, `trap "exit 6" TERM; echo here; while :; do sleep 0.1; done`, 6},
		{syscall.SIGHUP, `trap "exit 6" TERM; echo here; while :; do sleep 0.1; done`, 6},
		{syscall.SIGHUP, `trap "exit 7" HUP; echo here; while :; do sleep 0.1; done`, 7},
		{syscall.SIGINT, `echo here; exec sleep 1000`, 137}, // it is deaf
		{syscall.SIGTERM, `echo here; exec sleep 1000`, 137},
	} {
		t.Run(fmt.Sprintf("%s %d", c.signal, c.code), func(t *testing.T) {
			t.Parallel()
			p := newProject(t, runServices)
			r := p.start("run", "--rm", "-T", "alone", "sh", "-c", c.command)
			r.waitFor("here")
			volumes := testVolumes(t, p)
			if len(volumes) != 1 {
				t.Fatalf("volumes: %v", volumes)
			}
			r.signal(c.signal)
			r.wantCode(c.code)
			if states := p.containers(); len(states) != 0 {
				t.Errorf("left over: %v", states)
			}
			if testengine.Exists(t, "volumes", volumes[0]) {
				t.Error("its anonymous volume is left over")
			}
		})
	}
}

func TestClosingTheTerminalEndsARun(t *testing.T) {
	t.Parallel()
	p := newProject(t, runServices)
	command := p.command("run", "--rm", "alone", "sh", "-c", "echo here; sleep 1000; :")
	terminal, err := pty.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	out := &screen{}
	r := &process{t: t, command: command, output: out, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = command.Wait()
	}()
	// Closing takes effect once nobody reads any more.
	for buffer := make([]byte, 4096); !strings.Contains(out.String(), "here\r\n"); {
		n, err := terminal.Read(buffer)
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		_, _ = out.Write(buffer[:n]) // a screen takes everything
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	r.code()
	if states := p.containers(); len(states) != 0 {
		t.Errorf("left over: %v", states)
	}
}
