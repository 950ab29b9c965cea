package enginetest

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// process is one run of a container. Its fields are guarded by the engine's
// mutex; done and turn may be waited for without it.
type process struct {
	e          *Engine
	c          *container
	pid        int
	script     Script
	scripted   bool
	program    *program // of the command; nil if it is not understood
	stdin      io.Reader
	done       chan struct{}
	frozen     bool
	turn       chan struct{} // closed when frozen changes; replaced then
	restarting bool          // it is being stopped to be started again
}

// launch begins the run of a container that was just started. The caller
// holds the mutex.
func (e *Engine) launch(c *container) {
	e.serial++
	p := &process{e: e, c: c, pid: 1000 + e.serial, stdin: c.output, done: make(chan struct{}), turn: make(chan struct{})}
	p.script, p.scripted = e.script(c)
	if !p.scripted {
		p.program = understand(c.command(), c.env())
	}
	c.process = p
	number := c.runs
	e.spawn(func() { p.run(number) })
	c.health, c.probes, c.failing = engine.NoHealth, nil, 0
	if c.hasHealth() {
		c.health = engine.Starting
		e.spawn(p.check)
	}
}

// stop ends the run's goroutines. The caller holds the mutex.
func (p *process) stop() { close(p.done) }

// freeze stops the run's time. The caller holds the mutex.
func (p *process) freeze() { p.setFrozen(true) }

// thaw lets the run's time go on. The caller holds the mutex.
func (p *process) thaw() { p.setFrozen(false) }

func (p *process) setFrozen(frozen bool) {
	p.frozen = frozen
	close(p.turn)
	p.turn = make(chan struct{})
}

// sleep lets d of the run's time pass; false means that the run is over.
func (p *process) sleep(d time.Duration) bool {
	for {
		p.e.mu.Lock()
		turn, frozen := p.turn, p.frozen
		p.e.mu.Unlock()
		var expired <-chan time.Time
		begin := time.Now()
		if !frozen {
			timer := time.NewTimer(d)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-expired:
			return true
		case <-turn:
			if !frozen {
				d -= time.Since(begin)
			}
		case <-p.done:
			return false
		case <-p.e.closed:
			return false
		}
	}
}

// run does what the container does, until it ends by itself or is stopped.
func (p *process) run(number int) {
	if !p.scripted {
		if p.program == nil {
			return
		}
		if code, ended := p.program.run(p); ended {
			p.exit(Exit{Code: code})
		}
		return
	}
	exit, ends := p.script.exitOf(number)
	lines := slices.Clone(p.script.Lines)
	slices.SortStableFunc(lines, func(a, b Line) int { return int(a.After - b.After) })
	var now time.Duration
	for _, line := range lines {
		if ends && exit.After < line.After {
			break
		}
		if !p.sleep(line.After - now) {
			return
		}
		now = line.After
		p.write(line.Stderr, line.Text+"\n")
	}
	if ends && p.sleep(exit.After-now) {
		p.exit(exit)
	}
}

// exit ends the run, unless it is over already.
func (p *process) exit(exit Exit) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if p.c.process == p {
		p.e.halt(p.c, exit)
	}
}

// write appends to the container's log.
func (p *process) write(stderr bool, text string) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if p.c.process != p {
		return
	}
	if p.c.hasTerminal() {
		stderr, text = false, strings.ReplaceAll(text, "\n", "\r\n")
	}
	p.c.log.add(stderr, text)
}

// signal delivers a signal to the container's process. The caller holds the
// mutex.
func (e *Engine) signal(c *container, number int) {
	p := c.process
	e.emitContainer(c, "kill", "", map[string]string{"signal": itoa(number)})
	if number == signalKill {
		e.halt(c, Exit{Code: signalBase + signalKill})
		return
	}
	exit, ends := p.reaction(number)
	if !ends || p.frozen {
		return
	}
	if p.scripted && p.script.TermDelay > 0 {
		e.spawn(func() {
			if p.sleep(p.script.TermDelay) {
				p.exit(exit)
			}
		})
		return
	}
	// The process ends by itself, so the answer comes before its end.
	e.spawn(func() { p.exit(exit) })
}

// reaction is what the process makes of a signal other than SIGKILL.
func (p *process) reaction(number int) (exit Exit, ends bool) {
	const interrupt, quit = 2, 3
	stopSignal := signalNumber(p.c.spec.Service.StopSignal)
	asksToStop := slices.Contains([]int{interrupt, quit, signalTerm, stopSignal}, number)
	if p.scripted {
		return Exit{Code: p.script.TermCode}, asksToStop && !p.script.IgnoreTerm
	}
	if p.program == nil {
		return Exit{}, asksToStop
	}
	if code, ends, trapped := p.program.trapped(number); trapped {
		return Exit{Code: code}, ends
	}
	return Exit{Code: signalBase + number}, asksToStop
}
