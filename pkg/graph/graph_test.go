package graph_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/berth-dev/berth/pkg/graph"
)

func build(edges ...[2]string) *graph.Graph[int] {
	g := graph.New[int]()
	for _, e := range edges {
		g.Add(e[0], 0)
		if e[1] != "" {
			g.Add(e[1], 0)
			g.Need(e[0], e[1])
		}
	}
	return g
}

func TestCycleIsNamedAsAPathFromItsSmallestNode(t *testing.T) {
	err := build([2]string{"web", "api"}, [2]string{"api", "db"}, [2]string{"db", "api"}).Cycle()
	var c *graph.CycleError
	if !errors.As(err, &c) || err.Error() != "cycle: api -> db -> api" {
		t.Fatalf("got %v", err)
	}
	if err := build([2]string{"web", "api"}, [2]string{"web", "db"}, [2]string{"api", "db"}).Cycle(); err != nil {
		t.Fatalf("a diamond is no cycle: %v", err)
	}
	if err := build([2]string{"a", "a"}).Cycle(); err == nil || err.Error() != "cycle: a -> a" {
		t.Fatalf("got %v", err)
	}
}

func TestOrderPutsEachNodeAfterItsNeedsAndKeepsInsertionOrderElsewhere(t *testing.T) {
	g := build([2]string{"web", "api"}, [2]string{"z", ""}, [2]string{"api", "db"}, [2]string{"b", ""})
	got, err := g.Order()
	if err != nil || !slices.Equal(got, []string{"db", "api", "web", "z", "b"}) {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := build([2]string{"a", "b"}, [2]string{"b", "a"}).Order(); err == nil {
		t.Fatal("order of a cyclic graph must fail")
	}
}

func TestDependsFollowsEdgesThroughOthers(t *testing.T) {
	g := build([2]string{"web", "api"}, [2]string{"api", "db"})
	if !g.Depends("web", "db") || g.Depends("db", "web") {
		t.Fatal("web comes after db, and db not after web")
	}
}

func TestWalkRunsEachNodeOnceAfterItsNeeds(t *testing.T) {
	g := graph.New[int]()
	for i := range 50 {
		g.Add(fmt.Sprint(i), i)
		for j := range i {
			if (i*j)%7 == 3 {
				g.Need(fmt.Sprint(i), fmt.Sprint(j))
			}
		}
	}
	var mu sync.Mutex
	done := map[string]bool{}
	out := g.Walk(context.Background(), graph.WalkOptions{Limit: 4}, func(_ context.Context, id string, _ int) error {
		mu.Lock()
		defer mu.Unlock()
		for _, dep := range g.Needs(id) {
			if !done[dep] {
				t.Errorf("%s ran before %s", id, dep)
			}
		}
		if done[id] {
			t.Errorf("%s ran twice", id)
		}
		done[id] = true
		return nil
	})
	if len(done) != 50 || len(out) != 50 {
		t.Fatalf("%d ran, %d outcomes", len(done), len(out))
	}
}

func TestWalkSkipsDependentsOfAFailureAndNamesTheRootCause(t *testing.T) {
	g := build([2]string{"web", "api"}, [2]string{"api", "db"}, [2]string{"other", ""})
	boom := errors.New("boom")
	for _, keep := range []bool{false, true} {
		out := g.Walk(context.Background(), graph.WalkOptions{Limit: 1, KeepGoing: keep}, func(_ context.Context, id string, _ int) error {
			if id == "db" {
				return boom
			}
			return nil
		})
		if !errors.Is(out["db"].Err, boom) || out["web"].State != graph.Skipped || out["web"].Cause != "db" {
			t.Fatalf("got %v", out)
		}
		if ran := out["other"].State == graph.Done; ran != keep {
			t.Fatalf("keep going %v: other is %v", keep, out["other"])
		}
	}
}

func TestWalkNeverRunsMoreThanItsLimitButFreeNodesDoNotCount(t *testing.T) {
	g := graph.New[int]()
	for i := range 20 {
		g.Add(fmt.Sprintf("n%d", i), 0)
	}
	for i := range 5 {
		g.Add(fmt.Sprintf("wait%d", i), 0)
	}
	var now, most, free atomic.Int32
	release := make(chan struct{})
	g.Walk(context.Background(), graph.WalkOptions{Limit: 3, Free: func(id string) bool { return id[0] == 'w' }},
		func(_ context.Context, id string, _ int) error {
			if id[0] == 'w' {
				if free.Add(1) == 5 {
					close(release)
				}
				<-release
				return nil
			}
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-release
			now.Add(-1)
			return nil
		})
	if most.Load() > 3 {
		t.Fatalf("%d ran at once", most.Load())
	}
}

func TestAfterCancellationOnlyNodesToFinishAreStarted(t *testing.T) {
	g := build([2]string{"rename", "stop"}, [2]string{"start", "rename"}, [2]string{"next", "start"})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := g.Walk(ctx, graph.WalkOptions{Finish: func(id string) bool { return id == "rename" || id == "start" }},
		func(_ context.Context, id string, _ int) error {
			if id == "stop" {
				cancel()
			}
			return nil
		})
	if out["start"].State != graph.Done || out["next"].State != graph.Skipped || out["next"].Cause != "" {
		t.Fatalf("got %v", out)
	}
}
