package convergence

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// peers are the docker composes that the set-up has unpacked.
func peers(t *testing.T) []string {
	t.Helper()
	root, err := testengine.Root()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(root, "bin", "docker-compose-*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skip("needs a docker compose, which testdata/setup/tools.sh unpacks")
	}
	return found
}

// peer runs a docker compose on the project and returns what it prints. An engine
// that stumbles over a folder it is removing is done the next time.
func (p *realProject) peer(program string, args ...string) string {
	p.t.Helper()
	stdout, stderr, err := p.peerOnce(program, args)
	if err != nil && strings.Contains(stderr, "unable to remove filesystem") {
		stdout, stderr, err = p.peerOnce(program, args)
	}
	if err != nil && strings.Contains(stderr, testengine.Miscounted) && len(p.containers()) == 0 { // none is left that could be counted
		p.t.Skipf("the engine has lost count of a network's endpoints, which %s %v could not mend: %s", filepath.Base(program), args, stderr)
	}
	if err != nil {
		p.t.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, stderr)
	}
	return stdout
}

func (p *realProject) peerOnce(program string, args []string) (stdout, stderr string, err error) {
	p.t.Helper()
	var out, errs bytes.Buffer
	command := exec.CommandContext(p.t.Context(), program, args...)
	command.Dir, command.Stdout, command.Stderr = p.dir, &out, &errs
	command.Env = append(append(os.Environ(), "DOCKER_HOST="+testengine.Require(p.t).Host), p.env...)
	err = command.Run()
	return out.String(), errs.String(), err
}

// ids maps the names of the project's containers to their IDs.
func (p *realProject) ids() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for name := range p.containers() {
		out[name] = fmt.Sprint(testengine.Inspect(p.t, name)["Id"])
	}
	return out
}

// peculiar is a stack of what docker compose hands an engine in forms of its own.
const peculiar = `x-base: &base {image: %[1]s, command: sleep 1000, init: true, stop_grace_period: 0s}
services:
  main: {<<: *base, ipc: shareable, volumes: [/data, "named:/named"], environment: {A: b}}
  e: {<<: *base, volumes: [/data]} # its name is the beginning of many IDs
  net: {<<: *base, network_mode: "service:main"}
  ipcs: {<<: *base, ipc: "service:main", network_mode: none}
  pids: {<<: *base, pid: "service:main", network_mode: none}
  from: {<<: *base, volumes_from: [main, e], network_mode: none}
  netname: {<<: *base, network_mode: "container:%[2]s-main-1", depends_on: [main]}
  ipcname: {<<: *base, ipc: "container:%[2]s-main-1", depends_on: [main]}
  pidname: {<<: *base, pid: "container:%[2]s-main-1", depends_on: [main]}
  fromname: {<<: *base, volumes_from: ["container:%[2]s-main-1"], depends_on: [main]}
  bridged: {<<: *base, network_mode: bridge}
  outside: {<<: *base, network_mode: bridge, external_links: ["%[2]s-bridged-1:it"], depends_on: [bridged]}
  exposing: {<<: *base, expose: ["80", "90-92/udp"]}
  scaled: {<<: *base, scale: 2}
  linking: {<<: *base, links: [scaled, "scaled:alias"]}
  open: {<<: *base, stdin_open: true, tty: true}
  limited: {<<: *base, deploy: {resources: {limits: {cpus: "0.5", memory: 64M}}}, ports: ["127.0.0.1::80"]}
  listed: {<<: *base, configs: [conf], networks: {default: {aliases: [other]}}, healthcheck: {test: "true", interval: 5s}}
volumes: {named: {labels: {x: "1"}}}
networks: {default: {labels: {x: "1"}}}
configs: {conf: {file: compose.yaml}}
`

func TestWhatARealDockerComposeMadeIsTakenOverAndHandedBack(t *testing.T) {
	for _, program := range peers(t) {
		t.Run(filepath.Base(program), func(t *testing.T) {
			p := newRealProject(t)
			p.write(fmt.Sprintf(peculiar, testengine.BusyboxImage, p.name))
			p.peer(program, "up", "-d")
			made := p.ids()
			if len(made) != 19 {
				t.Fatalf("docker compose made %v", made)
			}
			out, stderr, code := testengine.Run(t, p.dir, p.env, "plan")
			if code != 0 {
				t.Errorf("plan exits with %d, want 0:\n%s%s", code, out, stderr)
			}
			p.up()
			if now := p.ids(); !maps.Equal(now, made) {
				t.Errorf("containers were recreated: %v, were %v", now, made)
			}
			p.peer(program, "down", "-v")
			p.up()
			p.checkHandedBack(program)
		})
	}
}

// checkHandedBack sees that a docker compose knows all of berth's containers and
// their network, leaves them alone where it may, and takes all of them away.
func (p *realProject) checkHandedBack(program string) {
	p.t.Helper()
	made := p.ids()
	listed := strings.Fields(p.peer(program, "ps", "-q", "--no-trunc"))
	slices.Sort(listed)
	if want := slices.Sorted(maps.Values(made)); !slices.Equal(listed, want) {
		p.t.Errorf("it lists %v, berth has made %v", listed, want)
	}
	network := fmt.Sprint(testengine.Inspect(p.t, p.name+"-open-1")["NetworkSettings"])
	p.peer(program, "up", "-d", "--no-recreate")
	if now := p.ids(); !maps.Equal(now, made) {
		p.t.Errorf("it has recreated %v as %v", made, now)
	}
	if same := p.hashedAlike(program); len(same) > 0 {
		p.peer(program, append([]string{"up", "-d"}, same...)...)
		if now := p.ids(); !maps.Equal(now, made) {
			p.t.Errorf("it has recreated some of %v as %v", made, now)
		}
	}
	if now := fmt.Sprint(testengine.Inspect(p.t, p.name+"-open-1")["NetworkSettings"]); now != network {
		p.t.Errorf("the network was made anew: %s, was %s", now, network)
	}
	p.peer(program, "down", "-v")
	if left := p.containers(); len(left) > 0 {
		p.t.Errorf("its down leaves %v", left)
	}
}

// hashedAlike lists the services for which a docker compose writes the same hash as
// berth: hashes depend on the compose-go that a program was built with.
func (p *realProject) hashedAlike(program string) []string {
	p.t.Helper()
	theirs := map[string]bool{}
	for line := range strings.Lines(p.peer(program, "config", "--hash", "*")) {
		theirs[line] = true
	}
	ours, stderr, code := testengine.Run(p.t, p.dir, p.env, "config", "--hash", "*")
	if code != 0 {
		p.t.Fatalf("config --hash exits with %d: %s", code, stderr)
	}
	var same []string
	for line := range strings.Lines(ours) {
		if theirs[line] {
			same = append(same, strings.Fields(line)[0])
		}
	}
	return same
}

func TestAnOpenStdinOutlivesItsFirstClient(t *testing.T) {
	p := newRealProject(t)
	p.write(fmt.Sprintf("services:\n  a: {image: %s, command: cat, stdin_open: true, init: true, stop_grace_period: 0s}\n", testengine.BusyboxImage))
	p.up()
	config := testengine.Inspect(t, p.name+"-a-1")["Config"].(map[string]any)
	if config["OpenStdin"] != true || config["StdinOnce"] != false || config["AttachStdin"] != false {
		t.Errorf("open %v, once %v, attached %v", config["OpenStdin"], config["StdinOnce"], config["AttachStdin"])
	}
}
