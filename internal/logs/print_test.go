package logs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
)

// printed is what Print gives of a fake's containers.
func printed(t *testing.T, f *fake, options logs.Options) *recorder {
	t.Helper()
	options.Project = project
	list, err := f.Containers(t.Context(), engine.ContainerFilter{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	if err := logs.Print(t.Context(), f, logs.Select(list, options), options, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// stamped makes messages of stdout, one per stamp.
func stamped(stamps ...int64) []message {
	var messages []message
	for _, ns := range stamps {
		messages = append(messages, message{ns, false, fmt.Sprintf("at %d\n", ns)})
	}
	return messages
}

func TestPrintingMergesByTimeAndKeepsEachContainersOrder(t *testing.T) {
	f := newFake()
	a, b := f.create("a", 1), f.create("b", 1)
	f.box(a).messages = stamped(10, 40, 30, 50)
	f.box(b).messages = stamped(20, 35, 45, 60)
	r := printed(t, f, logs.Options{})
	want := "a-1 | at 10\nb-1 | at 20\nb-1 | at 35\na-1 | at 40\na-1 | at 30\nb-1 | at 45\na-1 | at 50\nb-1 | at 60"
	if got := r.sequence(); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestPrintingObeysTailSinceUntilServicesAndIndex(t *testing.T) {
	f := newFake()
	for _, service := range []string{"a", "b"} {
		for n := 1; n <= 2; n++ {
			f.box(f.create(service, n)).messages = stamped(10, 20, 30, 40)
		}
	}
	options := logs.Options{Services: []string{"a"}, Index: 2}
	for want, set := range map[string]func(*logs.Options){
		"at 10 at 20 at 30 at 40": func(*logs.Options) {},
		"at 30 at 40":             func(o *logs.Options) { o.Tail = "2" },
		"":                        func(o *logs.Options) { o.Tail = "0" },
		"at 20 at 30 at 40":       func(o *logs.Options) { o.Since = time.Unix(0, 20) },
		"at 10 at 20":             func(o *logs.Options) { o.Until = time.Unix(0, 29) },
		"at 20 at 30":             func(o *logs.Options) { o.Since, o.Until = time.Unix(0, 20), time.Unix(0, 30) },
	} {
		o := options
		set(&o)
		r := printed(t, f, o)
		if got := strings.Join(r.texts("a-2"), " "); got != want || len(r.texts("a-2")) != len(r.all()) {
			t.Errorf("got %q, want %q: %v", got, want, r.all())
		}
	}
}

func TestEveryTailBeginsWithAWholeLine(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 2))
		f := newFake()
		b := f.box(f.create("web", 1))
		want := map[logs.Stream][]string{}
		for range 8 {
			scramble(random, b, want)
		}
		all := printed(t, f, logs.Options{}).texts("web-1")
		whole := map[string]bool{}
		for _, text := range all {
			whole[text] = true
		}
		for n := range 40 {
			got := printed(t, f, logs.Options{Tail: fmt.Sprint(n)}).texts("web-1")
			for _, text := range got {
				if !whole[text] {
					t.Fatalf("seed %d, tail %d: torn line of %d bytes", seed, n, len(text))
				}
			}
			if len(got) > n || len(got) < n-1 {
				t.Fatalf("seed %d, tail %d: %d lines", seed, n, len(got))
			}
		}
	}
}

func TestPrintingGoesOnWithoutAContainerThatHasGone(t *testing.T) {
	f := newFake()
	f.box(f.create("a", 1)).messages = stamped(1)
	f.box(f.create("b", 1)).messages = stamped(2)
	f.vanish["id0"] = true
	if got := printed(t, f, logs.Options{}).sequence(); got != "b-1 | at 2" {
		t.Error(got)
	}
}

func TestPrintingFromALostEngineNamesContainerAndEngine(t *testing.T) {
	f := newFake()
	f.create("a", 1)
	list, _ := f.Containers(t.Context(), engine.ContainerFilter{})
	f.down = true
	err := logs.Print(t.Context(), f, list, logs.Options{}, newRecorder())
	if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), f.Endpoint()) || !strings.Contains(err.Error(), "app-a-1") {
		t.Error(err)
	}
}

func TestASinkThatFailsEndsPrintingWithItsError(t *testing.T) {
	f := newFake()
	for i := range 3 {
		b := f.box(f.create("a", i+1))
		for ns := range int64(50_000) {
			b.messages = append(b.messages, message{ns, false, "x\n"})
		}
	}
	list, _ := f.Containers(t.Context(), engine.ContainerFilter{})
	gone := errors.New("gone")
	for _, sink := range []logs.Sink{failingSink{line: gone}, failingSink{flush: gone}} {
		if err := logs.Print(t.Context(), f, list, logs.Options{}, sink); !errors.Is(err, gone) {
			t.Error(err)
		}
	}
}

// announced is a recorder that is told whose lines come.
type announced struct {
	*recorder
	names []string
}

func (a *announced) Announce(sources []logs.Source) {
	for _, s := range sources {
		a.names = append(a.names, s.Display)
	}
	a.names = append(a.names, fmt.Sprint(len(a.all()), " lines"))
}

func TestASinkIsToldWhoseLinesComeBeforeTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		long, short := f.create("longer", 1), f.create("a", 1)
		f.write(short, "one")
		f.write(long, "two")
		const want = "[a-1 longer-1 0 lines]"
		printed := &announced{recorder: newRecorder()}
		list, err := f.Containers(t.Context(), engine.ContainerFilter{Project: project})
		if err != nil {
			t.Fatal(err)
		}
		options := logs.Options{Project: project}
		if err := logs.Print(t.Context(), f, logs.Select(list, options), options, printed); err != nil {
			t.Fatal(err)
		}
		followed := &announced{recorder: newRecorder()}
		options.StopWhenDone = true
		if err := logs.Follow(t.Context(), f, options, followed); err != nil {
			t.Fatal(err)
		}
		for _, a := range []*announced{printed, followed} {
			if got := fmt.Sprint(a.names); got != want || len(a.all()) != 2 {
				t.Errorf("told of %s and %d lines, want %s and 2", got, len(a.all()), want)
			}
		}
	})
}
