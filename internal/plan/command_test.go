package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// flag tells whether the command has a flag.
func (c *testCase) flag(name string) bool { return slices.Contains(c.args, name) }

// values are the values of a flag given as --flag=value, in order.
func (c *testCase) values(name string) []string {
	var out []string
	for _, arg := range c.args {
		if v, ok := strings.CutPrefix(arg, name+"="); ok {
			out = append(out, v)
		}
	}
	return out
}

// services are the arguments that are no flags.
func (c *testCase) services() []string {
	var out []string
	for _, arg := range c.args[1:] {
		if !strings.HasPrefix(arg, "-") {
			out = append(out, arg)
		}
	}
	return out
}

// plan plans what the command asks for.
func (c *testCase) plan() (*plan.Plan, error) {
	a := c.actual
	if c.args[0] == "up" {
		return plan.Up(c.desired, a, c.upOptions())
	}
	m := plan.ModelOf(c.desired)
	if c.flag("--no-files") {
		m = plan.ModelFromLabels(a)
	}
	if c.args[0] == "down" {
		return plan.Down(m, a, c.downOptions())
	}
	return c.verb(m, c.chosen(a, c.services()))
}

func (c *testCase) upOptions() plan.UpOptions {
	opt := plan.UpOptions{
		Targets: c.services(), NoStart: c.flag("--no-start"), RenewVolumes: c.flag("-V"),
		RemoveOrphans: c.flag("--remove-orphans"), IgnoreOrphans: c.flag("--ignore-orphans"),
		Wait: c.flag("--wait"), JoinsLoseMAC: c.flag("--joins-lose-mac"), Adopted: c.adopted, Started: c.started, Consented: map[string]bool{},
	}
	for _, v := range c.values("--consent") {
		opt.Consented[v] = true
	}
	switch {
	case c.flag("--force-recreate"):
		opt.Recreate = plan.RecreateForce
	case c.flag("--no-recreate"):
		opt.Recreate, opt.RecreateDeps = plan.RecreateNever, plan.RecreateNever
	}
	if c.flag("--always-recreate-deps") {
		opt.RecreateDeps = plan.RecreateForce
	}
	return opt
}

func (c *testCase) downOptions() plan.DownOptions {
	opt := plan.DownOptions{
		Services: c.services(), Volumes: c.flag("-v"), RemoveOrphans: c.flag("--remove-orphans"), Images: c.values("--image"),
	}
	if c.flag("--no-files") {
		return opt
	}
	for _, n := range c.project.Networks {
		if !bool(n.External) && !opt.RemoveOrphans {
			opt.NetworkNames = append(opt.NetworkNames, n.Name)
		}
	}
	return opt
}

// chosen are the containers of services that a verb works on; of all without any.
func (c *testCase) chosen(a *actual.State, names []string) []engine.Container {
	var out []engine.Container
	for _, k := range a.Containers {
		if len(names) == 0 || slices.Contains(names, k.Labels[labels.Service]) {
			out = append(out, k)
		}
	}
	return out
}

func (c *testCase) verb(m plan.Model, list []engine.Container) (*plan.Plan, error) {
	var timeout *time.Duration
	switch c.args[0] {
	case "stop":
		return plan.StopAll(m, list, timeout)
	case "start":
		list = c.chosen(c.actual, m.WithDependencies(c.services()))
		return plan.StartAll(m, list, plan.StartOptions{Services: c.services(), Wait: c.flag("--wait")})
	case "restart":
		return plan.RestartAll(m, list, timeout)
	case "kill":
		return plan.KillAll(m, list, "SIGTERM"), nil
	case "pause":
		return plan.PauseAll(m, list), nil
	case "unpause":
		return plan.UnpauseAll(m, list), nil
	case "rm":
		return plan.RemoveStopped(m, list, c.flag("--stop"), c.flag("-v"))
	}
	return nil, fmt.Errorf("unknown verb %s", c.args[0])
}
