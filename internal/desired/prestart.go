package desired

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
	"github.com/compose-spec/compose-go/v2/types"
)

// buildPreStart makes the specs of a service's pre_start hooks: containers that
// run to their end, one after the other, before the service starts. A hook
// inherits the service's container attributes and completes or replaces them.
func buildPreStart(p *types.Project, svc *Service, opt Options) error {
	for i, hook := range svc.Config.PreStart {
		where := fmt.Sprintf("services.%s.pre_start[%d]", svc.Name, i)
		config := types.ServiceConfig{Name: svc.Name, ContainerSpec: complete(svc.Config.ContainerSpec, hook.ContainerSpec)}
		if config.Image == "" {
			config.Image = svc.Image
		}
		files, binds, err := injected(p, config.ContainerSpec, where, opt.Contents)
		if err != nil {
			return err
		}
		mounts, err := resolveVolumes(p, config.Volumes)
		if err != nil {
			return fmt.Errorf("%s.volumes: %w", where, err)
		}
		name := strings.Join([]string{p.Name, svc.Name, "pre_start", fmt.Sprint(i + 1)}, opt.Separator)
		svc.preStart = append(svc.preStart, engine.ContainerSpec{
			Project: p.Name, Service: config, Name: name, Image: config.Image,
			Labels: merge(config.Labels, map[string]string{
				labels.Project: p.Name, labels.Service: svc.Name, labels.Version: opt.Version,
				labels.Hook: "pre_start", labels.WorkingDir: p.WorkingDir,
				labels.ConfigFiles: strings.Join(opt.ConfigFiles, ","),
			}),
			NetworkMode: config.NetworkMode, IPCMode: config.Ipc, PIDMode: config.Pid, VolumesFrom: config.VolumesFrom,
			Mounts: append(mounts, binds...), Files: files, Networks: hookEndpoints(p, config),
		})
	}
	return nil
}

// hookEndpoints joins a hook to the service's networks without its names and
// fixed addresses, which belong to the service's own containers.
func hookEndpoints(p *types.Project, config types.ServiceConfig) []engine.Endpoint {
	var out []engine.Endpoint
	for _, e := range endpoints(p, config, nil) {
		out = append(out, engine.Endpoint{Network: e.Network})
	}
	return out
}

// PreStart are the specs of the service's pre_start hooks, in order.
func (s Service) PreStart() []engine.ContainerSpec { return s.preStart }

// complete gives every attribute of base that own does not set; mappings and
// lists are joined, own winning; command and entrypoint replace.
func complete(base, own types.ContainerSpec) types.ContainerSpec {
	out := own
	from, into := reflect.ValueOf(base), reflect.ValueOf(&out).Elem()
	for i := range into.NumField() {
		field, inherited := into.Field(i), from.Field(i)
		name := into.Type().Field(i).Name
		switch {
		case field.IsZero():
			field.Set(inherited)
		case name == "Command" || name == "Entrypoint" || inherited.IsZero():
		case field.Kind() == reflect.Map:
			joined := reflect.MakeMap(field.Type())
			for _, m := range []reflect.Value{inherited, field} {
				for _, k := range m.MapKeys() {
					joined.SetMapIndex(k, m.MapIndex(k))
				}
			}
			field.Set(joined)
		case field.Kind() == reflect.Slice:
			field.Set(reflect.AppendSlice(reflect.AppendSlice(reflect.MakeSlice(field.Type(), 0, 0), inherited), field))
		}
	}
	return out
}
