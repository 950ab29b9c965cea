package enginetest_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/engine/docker"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/testengine"
)

// TestRealEngineKeepsTheContract runs every behaviour on a real daemon, through
// the adapter.
func TestRealEngineKeepsTheContract(t *testing.T) {
	real := testengine.Require(t)
	testengine.Busybox(t)
	e, err := docker.New(docker.Options{Host: real.Host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	enginetest.Contract(t, func(*testing.T) enginetest.FullEngine { return e })
}
