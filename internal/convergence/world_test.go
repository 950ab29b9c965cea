package convergence

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
)

// world makes random projects and random changes to them.
type world struct{ r *rand.Rand }

func (w world) chance(percent int) bool { return w.r.IntN(100) < percent }
func (w world) pick(list ...string) string {
	return list[w.r.IntN(len(list))]
}

// project makes a random project. Services depend only on earlier letters.
func (w world) project() (*types.Project, desired.Contents) {
	p := &types.Project{
		Name: "p", WorkingDir: "/p", Services: types.Services{},
		Networks: types.Networks{
			"default": {Name: "p_default"},
			"back":    {Name: "p_back", Internal: w.chance(30), DriverOpts: types.Options{"mtu": w.pick("1400", "1500")}},
		},
		Volumes: types.Volumes{"data": {Name: "p_data"}, "logs": {Name: "p_logs"}},
		Configs: types.Configs{"conf": {Name: "p_conf", Content: "x"}},
	}
	if w.chance(50) {
		back := p.Networks["back"]
		back.Labels = types.Labels{"tier": w.pick("one", "two")}
		p.Networks["back"] = back
	}
	var earlier []types.ServiceConfig
	for _, name := range []string{"a", "b", "c", "d"} {
		if !w.chance(75) {
			continue
		}
		svc := w.service(name, earlier)
		p.Services[name] = svc
		earlier = append(earlier, svc)
	}
	return p, desired.Contents{Configs: map[string][]byte{"conf": []byte(w.pick("one", "two"))}}
}

func (w world) service(name string, earlier []types.ServiceConfig) types.ServiceConfig {
	svc := types.ServiceConfig{Name: name}
	svc.Image = w.pick("plain", "plain", "volumes")
	value := w.pick("1", "2", "3")
	svc.Environment = types.MappingWithEquals{"MODE": &value}
	scale := w.r.IntN(4)
	if w.chance(20) {
		scale, svc.ContainerName = 1, "the-"+name+"-"+w.pick("x", "y")
	}
	svc.Scale = &scale
	switch {
	case w.chance(20):
		svc.Command = types.ShellCommand{"true"} // a one-shot
	case w.chance(40):
		svc.HealthCheck = &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "true"}}
	}
	if w.chance(30) {
		svc.Deploy = w.updates()
	}
	w.storage(&svc)
	w.wire(&svc, earlier)
	return svc
}

// updates makes a random update_config and rollback_config.
func (w world) updates() *types.DeployConfig {
	config := func() *types.UpdateConfig {
		parallelism := uint64(w.r.IntN(3))
		return &types.UpdateConfig{
			Parallelism: &parallelism, Delay: types.Duration(w.r.IntN(2)) * types.Duration(time.Second), Order: w.pick("start-first", "stop-first"),
			FailureAction: w.pick("pause", "rollback", "continue"), MaxFailureRatio: float32(w.r.IntN(2)) / 2,
		}
	}
	return &types.DeployConfig{UpdateConfig: config(), RollbackConfig: config()}
}

func (w world) storage(svc *types.ServiceConfig) {
	if w.chance(50) {
		svc.Volumes = append(svc.Volumes, types.ServiceVolumeConfig{
			Type: "volume", Source: w.pick("data", "logs"), Target: "/data", Volume: &types.ServiceVolumeVolume{},
		})
	}
	if w.chance(40) {
		svc.Volumes = append(svc.Volumes, types.ServiceVolumeConfig{Type: "volume", Target: "/anon", Volume: &types.ServiceVolumeVolume{}})
	}
	if w.chance(25) {
		mode := types.FileMode(0o400)
		svc.Configs = []types.ServiceConfigObjConfig{{Source: "conf", Target: "/conf", Mode: &mode}}
	}
}

// wire joins a service to networks, or to another's, and makes it depend on
// earlier ones.
func (w world) wire(svc *types.ServiceConfig, earlier []types.ServiceConfig) {
	svc.DependsOn = types.DependsOnConfig{}
	svc.Networks = map[string]*types.ServiceNetworkConfig{"default": nil}
	if w.chance(30) {
		svc.Networks["back"] = &types.ServiceNetworkConfig{Aliases: []string{"alias-" + svc.Name}}
	}
	for _, other := range earlier {
		if !w.chance(40) {
			continue
		}
		condition := types.ServiceConditionStarted
		switch {
		case isOneShot(other):
			condition = types.ServiceConditionCompletedSuccessfully
		case other.HealthCheck != nil:
			condition = types.ServiceConditionHealthy
		}
		svc.DependsOn[other.Name] = types.ServiceDependency{Condition: condition, Required: true, Restart: w.chance(20)}
		if other.GetScale() > 0 && !isOneShot(other) && w.chance(30) {
			w.share(svc, other)
		}
	}
}

// share joins a service to a namespace of another's.
func (w world) share(svc *types.ServiceConfig, other types.ServiceConfig) {
	mode := types.ServicePrefix + other.Name
	switch kind := w.pick("network", "network", "ipc", "pid"); {
	case kind == "network" && other.NetworkMode == "":
		svc.NetworkMode, svc.Networks = mode, nil
	case kind == "ipc":
		svc.Ipc = mode
	default:
		svc.Pid = mode
	}
}

func isOneShot(svc types.ServiceConfig) bool { return strings.Join(svc.Command, " ") == "true" }

// describe lists a project's services for the report of a failure.
func describe(p *types.Project) string {
	var b strings.Builder
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		fmt.Fprintf(&b, "  %s: scale %d image %s name %q mode %s net %v/%s ipc %s pid %s volumes %d depends %v one-shot %v health %v updates %v\n", name, s.GetScale(), s.Image,
			s.ContainerName, *s.Environment["MODE"], s.NetworksByPriority(), s.NetworkMode, s.Ipc, s.Pid, len(s.Volumes), s.GetDependencies(), isOneShot(s), s.HealthCheck != nil, s.Deploy != nil)
	}
	return b.String()
}
