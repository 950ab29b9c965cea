package enginetest

import (
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// The engine's defaults for health checks, and how many probes it remembers.
const (
	defaultInterval      = 30 * time.Second
	defaultStartInterval = 5 * time.Second
	defaultRetries       = 3
	probesKept           = 5
)

// hasHealth tells whether a health check is configured: by the service, or
// else by the image.
func (c *container) hasHealth() bool {
	check := c.spec.Service.HealthCheck
	if check != nil && (check.Disable || len(check.Test) > 0 && check.Test[0] == "NONE") {
		return false
	}
	if check != nil && len(check.Test) > 0 {
		return true
	}
	return c.image.HasHealth
}

// check runs the health check of one run.
func (p *process) check() {
	turns, probe := p.script.Health.Turns, p.script.Health.Probe
	if len(turns) > 0 {
		p.takeTurns(turns)
		return
	}
	if probe == nil {
		probe = p.runProbe
	}
	since := time.Now()
	for n := 1; p.sleep(p.interval(time.Since(since))); n++ {
		code, output := probe(n)
		p.judge(code, output, time.Since(since))
	}
}

// takeTurns sets the health states that the script lists.
func (p *process) takeTurns(turns []HealthTurn) {
	var now time.Duration
	for _, turn := range turns {
		if !p.sleep(turn.After - now) {
			return
		}
		now = turn.After
		code := 0
		if turn.State != engine.Healthy {
			code = 1
		}
		p.e.mu.Lock()
		if p.c.process == p {
			p.c.remember(code, turn.Output)
			p.e.setHealth(p.c, turn.State)
		}
		p.e.mu.Unlock()
	}
}

// interval is the time to the next probe of a run of that age.
func (p *process) interval(age time.Duration) time.Duration {
	check := p.c.spec.Service.HealthCheck
	if check == nil {
		return defaultInterval
	}
	p.e.mu.Lock()
	starting := p.c.health == engine.Starting
	p.e.mu.Unlock()
	if starting && check.StartPeriod != nil && age < time.Duration(*check.StartPeriod) && !p.e.apiBelow(44) {
		if check.StartInterval != nil {
			return time.Duration(*check.StartInterval)
		}
		return defaultStartInterval
	}
	if check.Interval != nil && *check.Interval > 0 {
		return time.Duration(*check.Interval)
	}
	return defaultInterval
}

// judge makes the health state out of a probe's result. Failures within the
// start period do not count.
func (p *process) judge(code int, output string, age time.Duration) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	c := p.c
	if c.process != p {
		return
	}
	c.remember(code, output)
	if code == 0 {
		c.failing = 0
		p.e.setHealth(c, engine.Healthy)
		return
	}
	retries, grace := defaultRetries, time.Duration(0)
	if check := c.spec.Service.HealthCheck; check != nil {
		if check.Retries != nil && *check.Retries > 0 {
			retries = int(*check.Retries)
		}
		if check.StartPeriod != nil {
			grace = time.Duration(*check.StartPeriod)
		}
	}
	if c.health == engine.Starting && age < grace {
		return
	}
	if c.failing++; c.failing >= retries {
		p.e.setHealth(c, engine.Unhealthy)
	}
}

// remember keeps the probe's result among the last ones.
func (c *container) remember(code int, output string) {
	now := time.Now()
	c.probes = append(c.probes, engine.Probe{Start: now, End: now, ExitCode: code, Output: output})
	if len(c.probes) > probesKept {
		c.probes = c.probes[len(c.probes)-probesKept:]
	}
}

// setHealth changes the health state, with an event if it is another one.
func (e *Engine) setHealth(c *container, state engine.Health) {
	if c.health == state {
		return
	}
	c.health = state
	e.emitContainer(c, "health_status", string(state), nil)
}

// runProbe runs the configured test as a command; one that is not understood
// succeeds.
func (p *process) runProbe(int) (code int, output string) {
	check := p.c.spec.Service.HealthCheck
	if check == nil || len(check.Test) == 0 {
		return 0, ""
	}
	argv := check.Test[1:]
	if check.Test[0] == "CMD-SHELL" {
		argv = append([]string{"sh", "-c"}, argv...)
	}
	prog := understand(argv, p.c.env())
	if prog == nil {
		return 0, ""
	}
	collected := &capture{p: p}
	code, _ = prog.run(collected)
	return code, string(collected.text)
}
