package logs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine/docker"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/labels"
)

// soakVariable names an environment variable with the number of lines that
// each container of the soak tests writes.
const soakVariable = "BERTH_SOAK"

// soakLines is how many lines that is.
func soakLines(t testing.TB) int {
	t.Helper()
	text := os.Getenv(soakVariable)
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q: %v", soakVariable, text, err)
	}
	return n
}

// bed is a project on the real engine.
type bed struct {
	t       testing.TB
	project string
	image   string
	engine  *docker.Engine
}

// newBed makes an empty project.
func newBed(t testing.TB) *bed {
	t.Helper()
	host := testengine.Require(t).Host
	e, err := docker.New(docker.Options{Host: host, ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bed{t: t, project: testengine.Project(t), image: testengine.Busybox(t), engine: e}
}

// setting changes a create request.
type setting func(body map[string]any)

func withTTY(body map[string]any) { body["Tty"] = true }

func withRestart(body map[string]any) {
	body["HostConfig"] = map[string]any{"RestartPolicy": map[string]any{"Name": "always"}}
}

func withDriver(name string) setting {
	return func(body map[string]any) {
		body["HostConfig"] = map[string]any{"LogConfig": map[string]any{"Type": name}}
	}
}

// create makes a container of a service that runs a shell script.
func (b *bed) create(service string, number int, script string, settings ...setting) string {
	b.t.Helper()
	body := map[string]any{
		"Image": b.image, "Cmd": []string{"/bin/sh", "-c", script},
		"Labels": map[string]string{
			labels.Project: b.project, labels.Service: service,
			labels.Number: strconv.Itoa(number), labels.OneOff: labels.False,
		},
	}
	for _, set := range settings {
		set(body)
	}
	var created struct{ ID string }
	name := fmt.Sprintf("%s-%s-%d", b.project, service, number)
	testengine.Post(b.t, "/containers/create?name="+name, body, &created)
	return created.ID
}

// run creates and starts a container.
func (b *bed) run(service string, number int, script string, settings ...setting) string {
	b.t.Helper()
	id := b.create(service, number, script, settings...)
	b.start(id)
	return id
}

func (b *bed) start(id string)  { testengine.Post(b.t, "/containers/"+id+"/start", nil, nil) }
func (b *bed) remove(id string) { testengine.Delete(b.t, "/containers/"+id+"?force=1") }

// exited waits for a container's end.
func (b *bed) exited(id string) {
	b.t.Helper()
	testengine.Post(b.t, "/containers/"+id+"/wait", nil, nil)
}

// print collects what Print gives.
func (b *bed) print(options logs.Options) *recorder {
	b.t.Helper()
	options.Project = b.project
	list, err := b.engine.Containers(b.t.Context(), containerFilter(b.project))
	if err != nil {
		b.t.Fatal(err)
	}
	r := newRecorder()
	if err := logs.Print(b.t.Context(), b.engine, logs.Select(list, options), options, r); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// follow runs Follow until stop is called, which fails the test if it ends by
// itself in any other way than it should.
func (b *bed) follow(options logs.Options, sink logs.Sink) (stop func()) {
	b.t.Helper()
	options.Project = b.project
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- logs.Follow(ctx, b.engine, options, sink) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				b.t.Errorf("Follow ended with %v", err)
			}
		})
	}
	b.t.Cleanup(stop)
	return stop
}

// eventually waits for a condition that needs the engine to act.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		if condition() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("not after a minute: %s", what)
}

// count is a script that writes numbered lines to stdout.
func count(n int) string {
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done", n)
}

// wantNumbered fails the test unless the lines are "line 0" to "line n-1".
func wantNumbered(t testing.TB, display string, lines []string, n int) {
	t.Helper()
	for i, line := range lines {
		if want := "line " + strconv.Itoa(i); line != want {
			t.Fatalf("%s: line %d of %d is %q, want %q", display, i, len(lines), line, want)
		}
	}
	if len(lines) != n {
		t.Fatalf("%s: %d lines, want %d", display, len(lines), n)
	}
}

func TestFiveBusyContainersArePrintedAndFollowedCompletely(t *testing.T) {
	b := newBed(t)
	n := soakLines(t)
	const containers = 5
	followed := newRecorder()
	stop := b.follow(logs.Options{}, followed)
	ids := make([]string, containers)
	for i := range ids {
		ids[i] = b.run("writer", i+1, count(n))
	}
	for _, id := range ids {
		b.exited(id)
	}
	eventually(t, "five exit notes", func() bool { return len(followed.noted()) == containers })
	stop()
	printed := b.print(logs.Options{})
	for i := range ids {
		display := fmt.Sprintf("writer-%d", i+1)
		wantNumbered(t, "followed "+display, followed.texts(display), n)
		wantNumbered(t, "printed "+display, printed.texts(display), n)
	}
	printed.wantOrderedByTime(t)
}

func TestAContainerThatExitsEverySecondIsFollowedExactly(t *testing.T) {
	b := newBed(t)
	r := newRecorder()
	stop := b.follow(logs.Options{}, r)
	id := b.run("loop", 1, "echo out; echo err >&2; seq 500; sleep 1; echo -n last; exit 3", withRestart)
	eventually(t, "four exits", func() bool { return len(r.noted()) >= 4 })
	testengine.Post(t, "/containers/"+id+"/stop?t=0", nil, nil)
	printed := b.print(logs.Options{}).all()
	eventually(t, "as many lines as there are", func() bool { return len(r.all()) >= len(printed) })
	stop()
	for i, l := range r.all() {
		if i >= len(printed) || l != printed[i] {
			t.Fatalf("line %d of %d is %v", i, len(printed), l)
		}
	}
	for _, n := range r.noted()[:3] {
		if n.Text != "exited with code 3 (restarting)" {
			t.Errorf("note %q", n.Text)
		}
	}
}

func TestRestartedRecreatedAndScaledContainersAreFollowedFromTheirFirstLine(t *testing.T) {
	b := newBed(t)
	r := newRecorder()
	stop := b.follow(logs.Options{}, r)
	const script = "trap 'echo bye; exit' TERM; echo first; while :; do sleep 0.1; done"
	id := b.run("web", 1, script)
	want := []string{"first"}
	reached := func() bool { return len(r.texts("web-1")) == len(want) }
	for range 5 {
		eventually(t, "the first line", reached)
		testengine.Post(b.t, "/containers/"+id+"/restart", nil, nil)
		want = append(want, "bye", "first")
	}
	for range 3 {
		eventually(t, "the first line", reached)
		b.remove(id)
		id = b.run("web", 1, script)
		want = append(want, "first")
	}
	b.run("web", 2, script)
	b.run("web", 3, script)
	b.run("other", 1, script)
	eventually(t, "the others", func() bool {
		return len(r.texts("web-2"))+len(r.texts("web-3"))+len(r.texts("other-1")) == 3 && reached()
	})
	stop()
	wantLines(t, r.texts("web-1"), want)
}

// The engine deletes such a container's log with it: what nobody has begun to
// read by then is gone for everybody. The pause is what a busy machine may need.
func TestAContainerThatIsRemovedAtItsEndIsFollowedCompletely(t *testing.T) {
	b := newBed(t)
	r := newRecorder()
	stop := b.follow(logs.Options{}, r)
	const runs = 10
	for i := range runs {
		b.run("brief", i+1, count(100)+"; sleep 2", func(body map[string]any) {
			body["HostConfig"] = map[string]any{"AutoRemove": true}
		})
	}
	eventually(t, "all exit notes", func() bool { return len(r.noted()) == runs })
	stop()
	for i := range runs {
		display := fmt.Sprintf("brief-%d", i+1)
		wantNumbered(t, display, r.texts(display), 100)
	}
}

func TestLongLinesAreNotTornByTheEngine(t *testing.T) {
	const long = 100_000
	script := fmt.Sprintf("for i in 1 2; do head -c %d /dev/zero | tr '\\0' x; echo; echo short; done; head -c 32768 /dev/zero | tr '\\0' y", long)
	x := strings.Repeat("x", long)
	want := []string{x, "short", x, "short", strings.Repeat("y", 32768)}
	for name, settings := range map[string][]setting{
		"json-file": nil, "terminal": {withTTY}, "local": {withDriver("local")},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			r := newRecorder()
			stop := b.follow(logs.Options{}, r)
			id := b.run("long", 1, script, settings...)
			b.exited(id)
			eventually(t, "the exit", func() bool { return len(r.noted()) == 1 })
			stop()
			if note := r.noted()[0]; note.Kind != logs.Exited {
				t.Errorf("noted %+v", note)
			}
			wantLines(t, r.texts("long-1"), want)
			wantLines(t, b.print(logs.Options{}).texts("long-1"), want)
			for n := range len(want) + 2 {
				tail := want[max(0, len(want)-n):]
				wantLines(t, b.print(logs.Options{Tail: strconv.Itoa(n)}).texts("long-1"), tail)
			}
		})
	}
}

func TestALogThatIsNotKeptIsNotedOnce(t *testing.T) {
	b := newBed(t)
	r := newRecorder()
	stop := b.follow(logs.Options{}, r)
	b.run("silent", 1, "while :; do echo x; sleep 0.1; done", withDriver("none"))
	b.run("web", 1, "while :; do echo x; sleep 0.1; done")
	eventually(t, "lines of the other", func() bool { return len(r.texts("web-1")) > 5 })
	stop()
	printed := b.print(logs.Options{Tail: "1"})
	for _, r := range []*recorder{r, printed} {
		if notes := r.noted(); len(notes) != 1 || notes[0].Kind != logs.Unreadable || notes[0].Service != "silent" {
			t.Errorf("notes: %v", notes)
		}
	}
}

func TestAttachingSeesEveryLineOfWhatIsStartedAndNoneFromBefore(t *testing.T) {
	b := newBed(t)
	const script = "echo out $RANDOM; echo err >&2; exit 7"
	old := b.run("old", 1, script)
	running := b.run("running", 1, "echo before; trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done")
	b.exited(old)
	eventually(t, "its line", func() bool { return len(b.print(logs.Options{}).texts("running-1")) == 1 })
	r := newRecorder()
	ready, settled := make(chan struct{}), make(chan struct{})
	exits := make(chan logs.Exit, 10)
	done := make(chan error, 1)
	options := logs.AttachOptions{
		Project: b.project, Ready: func() { close(ready) }, Settled: settled, OnExit: func(e logs.Exit) { exits <- e },
	}
	go func() { done <- logs.Attached(t.Context(), b.engine, options, r) }()
	<-ready
	b.start(old)
	for i := range 3 {
		b.run("job", i+1, script)
	}
	testengine.Post(t, "/containers/"+running+"/stop", nil, nil)
	close(settled)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, display := range []string{"old-1", "job-1", "job-2", "job-3"} {
		if n := len(r.texts(display)); n != 2 {
			t.Errorf("%s: %d lines", display, n)
		}
	}
	wantLines(t, r.texts("running-1"), []string{"bye"})
	if len(exits) != 4 { // the caller itself stopped the one that was running
		t.Errorf("%d exits", len(exits))
	}
	for range len(exits) {
		if e := <-exits; e.Code != 7 || e.Killed {
			t.Errorf("exit %+v", e)
		}
	}
}

func TestFollowingAJobEndsWithIt(t *testing.T) {
	b := newBed(t)
	b.run("job", 1, count(1000)+"; sleep 2; echo line 1000")
	r := newRecorder()
	options := logs.Options{Project: b.project, StopWhenDone: true}
	if err := logs.Follow(t.Context(), b.engine, options, r); err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, "job-1", r.texts("job-1"), 1001)
}
