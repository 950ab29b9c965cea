package enginetest_test

import (
	"testing"
	"testing/synctest"

	"github.com/berth-dev/berth/internal/engine/enginetest"
)

// TestEngineInMemoryKeepsTheContract runs every behaviour in a bubble, where
// waiting takes no time.
func TestEngineInMemoryKeepsTheContract(t *testing.T) {
	for _, version := range []string{"1.41", "1.51"} {
		for _, b := range enginetest.Behaviours() {
			t.Run(version+"/"+b.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := enginetest.New(enginetest.APIVersion(version), enginetest.WithContractImages())
					t.Cleanup(func() { _ = e.Close() })
					b.Check(t, e)
				})
			})
		}
	}
}
