package enginetest

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// What the kernel and the engine make of signals.
const (
	signalBase        = 128
	signalKill        = 9
	signalTerm        = 15
	startFailedCode   = 128
	defaultStop       = 10 * time.Second
	firstBackoff      = 100 * time.Millisecond
	longestBackoff    = time.Minute
	backoffForgetting = 10 * time.Second // a run that long resets the back-off
)

// StartContainer starts a container. One that runs is left as it is.
func (e *Engine) StartContainer(ctx context.Context, id string) error {
	return e.change(ctx, "StartContainer", "start container", id, nil, func(c *container) error {
		switch {
		case c.state == engine.Paused:
			text := "cannot start a paused container, try unpause instead"
			return &engine.Error{Op: "start container", Name: id, Kind: engine.ErrConflict, Text: text}
		case c.process != nil, c.state == engine.Restarting:
			return nil // to the engine, a container in its back-off runs
		}
		c.restarts = 0
		return e.start(c, "start container")
	})
}

// start starts a container that does not run. The caller holds the mutex.
func (e *Engine) start(c *container, op string) error {
	if c.removing { // while the request waited for the end of the run before
		return &engine.Error{Op: op, Name: c.name, Kind: engine.ErrNotFound, Text: "No such container: " + c.id}
	}
	c.cancelRestart()
	c.stopped, c.oom = false, false
	script, _ := e.script(c)
	err := e.prepare(c)
	if err == nil && script.StartError != "" {
		err = &engine.Error{Text: script.StartError}
	}
	if err != nil {
		e.release(c)
		failed := *err
		failed.Op, failed.Name = op, c.name
		c.startError, c.exitCode = failed.Text, startFailedCode
		if c.state == engine.Restarting {
			c.state = engine.Exited
		}
		return &failed
	}
	c.startError, c.exitCode = "", 0
	c.state, c.started, c.finished = engine.Running, e.now(), time.Time{}
	c.runs++
	e.writeTokens(c)
	e.emitContainer(c, "start", "", nil)
	e.launch(c)
	return nil
}

// prepare takes what a start needs: the namespaces it shares, its networks
// and its ports.
func (e *Engine) prepare(c *container) *engine.Error {
	for _, mode := range []string{c.spec.NetworkMode, c.spec.IPCMode, c.spec.PIDMode} {
		ref, shared := strings.CutPrefix(mode, "container:")
		if !shared {
			continue
		}
		parent, err := e.find("", ref)
		if err != nil {
			return &engine.Error{Kind: engine.ErrNotFound, Text: "No such container: " + ref}
		}
		if parent.process == nil {
			text := "cannot join network of a non running container: " + parent.id
			return &engine.Error{Kind: engine.ErrConflict, Text: text}
		}
	}
	var joined []*network
	for _, ep := range c.endpoints {
		n := e.networkNamed(ep.network)
		if n == nil {
			text := fmt.Sprintf("network %s not found", ep.network)
			return &engine.Error{Kind: engine.ErrNotFound, Text: text}
		}
		joined = append(joined, n)
	}
	if err := e.bindPorts(c); err != nil {
		return err
	}
	for i, ep := range c.endpoints {
		e.join(c, ep, joined[i])
	}
	return nil
}

// release gives back what prepare took.
func (e *Engine) release(c *container) {
	e.freePorts(c)
	for _, ep := range c.endpoints {
		e.leave(c, ep)
	}
}

// halt ends the container's run: die event, resources given back, restart
// policy applied. The caller holds the mutex.
func (e *Engine) halt(c *container, exit Exit) {
	p := c.process
	c.process = nil
	p.stop()
	c.closeInput()
	c.output, c.input = io.Pipe()
	ran := time.Since(c.started).Round(time.Millisecond)
	c.finished, c.exitCode, c.oom = e.now(), exit.Code, exit.OOM
	c.state = engine.Exited
	if c.health != engine.NoHealth {
		c.health = engine.Unhealthy // as the engine does when its probes stop
	}
	e.release(c)
	if exit.OOM {
		e.emitContainer(c, "oom", "", nil)
	}
	if c.mayRestart() {
		c.state = engine.Restarting
		e.scheduleRestart(c, ran)
	}
	e.emitContainer(c, "die", "", map[string]string{
		"exitCode": strconv.Itoa(exit.Code), "execDuration": strconv.Itoa(int(ran.Seconds())),
	})
	close(c.halted)
	c.halted = make(chan struct{})
	if c.spec.AutoRemove && !c.removing && c.state == engine.Exited && !p.restarting {
		e.remove(c, true)
	}
}

// closeInput ends those who write to, or read from, the container's input.
func (c *container) closeInput() {
	c.output.CloseWithError(io.ErrClosedPipe)
	c.input.CloseWithError(io.EOF)
}

// policy is a restart policy.
type policy struct {
	name    string
	retries int // of on-failure; 0 = no limit
}

// restartPolicy reads the policy of `restart`, or else of deploy.restart_policy.
func (c *container) restartPolicy() policy {
	name, retries, _ := strings.Cut(c.spec.Service.Restart, ":")
	if name == "" && c.spec.Service.Deploy != nil && c.spec.Service.Deploy.RestartPolicy != nil {
		rp := c.spec.Service.Deploy.RestartPolicy
		p := policy{name: map[string]string{"none": "no", "on-failure": "on-failure"}[rp.Condition]}
		if p.name == "" {
			p.name = "always"
		}
		if rp.MaxAttempts != nil && p.name == "on-failure" {
			p.retries = int(*rp.MaxAttempts)
		}
		return p
	}
	n, err := strconv.Atoi(retries)
	if err != nil {
		n = 0
	}
	return policy{name: name, retries: n}
}

// mayRestart tells whether the policy starts the container again.
func (c *container) mayRestart() bool {
	if c.stopped {
		return false
	}
	switch p := c.restartPolicy(); p.name {
	case "always", "unless-stopped":
		return true
	case "on-failure":
		return c.exitCode != 0 && (p.retries == 0 || c.restarts < p.retries)
	default:
		return false
	}
}

// scheduleRestart starts the container again after its back-off, which
// doubles from try to try.
func (e *Engine) scheduleRestart(c *container, ran time.Duration) {
	if ran > backoffForgetting || c.wait == 0 {
		c.wait = firstBackoff
	} else {
		c.wait = min(c.wait*2, longestBackoff)
	}
	cancelled := make(chan struct{})
	c.backoff = cancelled
	timer := time.NewTimer(c.wait)
	e.spawn(func() {
		defer timer.Stop()
		select {
		case <-e.closed:
			return
		case <-cancelled:
			return
		case <-timer.C:
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if c.backoff != cancelled {
			return
		}
		c.backoff = nil
		c.restarts++
		// A failed start is kept in the container's state, as the engine does.
		_ = e.start(c, "restart container")
	})
}

// cancelRestart ends a back-off.
func (c *container) cancelRestart() {
	if c.backoff != nil {
		close(c.backoff)
		c.backoff = nil
	}
	if c.state == engine.Restarting && c.process == nil && c.stopped {
		c.state = engine.Exited
	}
}
