package cli

import "time"

// windowChanges reports that the terminal's size may have changed: Windows
// tells nobody, so that it has to be looked at from time to time.
func windowChanges() (changes <-chan time.Time, stop func()) {
	t := time.NewTicker(250 * time.Millisecond)
	return t.C, t.Stop
}
