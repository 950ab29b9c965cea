package convergence

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestAnInterruptedRecreationLeavesEachServiceOldOrNewAndRunning(t *testing.T) {
	p := newRealProject(t)
	p.write(threeServices(0))
	p.up()
	want := keys(p.containers())
	for i, moment := range []int{200, 500, 900, 1300, 1800} {
		p.write(threeServices(i + 1))
		cmd := testengine.Command(t, p.dir, p.env, "up", "-d")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(moment) * time.Millisecond)
		signal := syscall.SIGINT
		if i%2 == 1 {
			signal = syscall.SIGTERM
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Logf("it had ended before: %v", err)
		}
		_ = cmd.Wait() // the code is looked at below
		if code := cmd.ProcessState.ExitCode(); code != 130 && code != 0 {
			t.Errorf("%s after %dms: exit code %d, want 130 (or 0 when it was done)\n%s", signal, moment, code, stderr.String())
		}
		if strings.Contains(stderr.String(), "dependency failed") {
			t.Errorf("a service is blamed for the interruption:\n%s", stderr.String())
		}
		if got := keys(p.containers()); got != want {
			t.Fatalf("%s after %dms left %s", signal, moment, got)
		}
	}
}

func TestReplicasShareAPortRangeWithoutCollision(t *testing.T) {
	p := newRealProject(t)
	base := 20000 + os.Getpid()%20000
	p.write(fmt.Sprintf(`services:
  web:
    image: %s
    init: true
    command: sleep 1000
    stop_grace_period: 1s
    ports: ["127.0.0.1:%d-%d:80"]
`, testengine.BusyboxImage, base, base+4))
	p.up("--scale", "web=5")
	seen := map[string]bool{}
	for i := range 5 {
		out, stderr, code := testengine.Run(t, p.dir, p.env, "port", "--index", fmt.Sprint(i+1), "web", "80")
		if code != 0 || seen[out] {
			t.Errorf("replica %d has port %q (%d) %s, others have %v", i+1, out, code, stderr, seen)
		}
		seen[out] = true
	}
	p.up("--scale", "web=2")
	want := fmt.Sprintf("%[1]s-web-1 running, %[1]s-web-2 running", p.name)
	if got := keys(p.containers()); got != want {
		t.Errorf("scaled down to %s", got)
	}
}

func TestAFixedPortWithThreeReplicasCreatesNothing(t *testing.T) {
	p := newRealProject(t)
	p.write(fmt.Sprintf("services:\n  web:\n    image: %s\n    command: sleep 1000\n    ports: [\"127.0.0.1:%d:80\"]\n",
		testengine.BusyboxImage, 20000+os.Getpid()%20000+7))
	_, stderr, code := testengine.Run(t, p.dir, p.env, "up", "-d", "--scale", "web=3")
	if code != 1 || !strings.Contains(stderr, "publish a port range") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	if n := len(p.containers()); n != 0 {
		t.Errorf("%d containers were created", n)
	}
}

func TestDownSaysWhoStillUsesANetwork(t *testing.T) {
	p := newRealProject(t)
	p.write(fmt.Sprintf("services:\n  web:\n    image: %s\n    init: true\n    command: sleep 1000\n", testengine.BusyboxImage))
	p.up()
	guest := p.name + "-guest"
	testengine.Post(t, "/containers/create?name="+guest, map[string]any{
		"Image": testengine.BusyboxImage, "Cmd": []string{"sleep", "1000"},
		"HostConfig": map[string]any{"NetworkMode": p.name + "_default", "Init": true},
	}, nil)
	defer testengine.Delete(t, "/containers/"+guest+"?force=1")
	testengine.Post(t, "/containers/"+guest+"/start", nil, nil)
	_, stderr, code := testengine.Run(t, p.dir, p.env, "down")
	if code != 1 || !strings.Contains(stderr, "is still in use by "+guest) {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	if n := len(p.containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

func TestTheHashOnContainersIsTheOneThatConfigPrints(t *testing.T) {
	p := newRealProject(t)
	p.write(threeServices(1))
	p.up()
	out, stderr, code := testengine.Run(t, p.dir, p.env, "config", "--hash", "*")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		service, hash, _ := strings.Cut(line, " ")
		labels := fmt.Sprint(testengine.Inspect(t, p.name+"-"+service+"-1")["Config"])
		if !strings.Contains(labels, "com.docker.compose.config-hash:"+hash) {
			t.Errorf("%s: the label is not %s", service, hash)
		}
	}
}
