package app

import "github.com/berth-dev/berth/internal/logs"

// exitInterrupted is how a verb ends that the person at the terminal has ended,
// as a shell counts SIGINT.
const exitInterrupted = 130

// Control is what the person at the terminal can do while a verb holds it. The
// first interrupt ends the verb's context; the rest comes this way. The zero
// value can do nothing.
type Control struct {
	// Faster is closed by the second interrupt: what is being stopped is killed.
	Faster <-chan struct{}
	// Detach is closed when everything is to be left as it runs.
	Detach <-chan struct{}
	// Signals are handed on to the attached container, by names such as SIGINT;
	// they must not end the context as well.
	Signals <-chan string
	// Attaching is told once, before anything is started, whose output will be
	// shown.
	Attaching func([]logs.Source)
	// Terminal is told, before the first byte passes, whether the attached
	// container has a terminal.
	Terminal func(tty bool)
}

// closed tells whether a channel has been closed; nil never is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
