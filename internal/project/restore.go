package project

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// Restore makes a service of its JSON form, as an earlier change of the project
// has kept it: everything in it is resolved, nothing is looked up or filled in.
// Hooks is the JSON form of its hooks; nil without any.
func Restore(ctx context.Context, name string, service, hooks json.RawMessage) (types.ServiceConfig, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(service, &fields); err != nil {
		return types.ServiceConfig{}, fmt.Errorf("restore service %s: %w", name, err)
	}
	if hooks != nil {
		// Fields that a service without anything else has are not hooks.
		var only map[string]json.RawMessage
		if err := json.Unmarshal(hooks, &only); err != nil {
			return types.ServiceConfig{}, fmt.Errorf("restore service %s: %w", name, err)
		}
		for _, key := range []string{"pre_start", "post_start", "pre_stop"} {
			if list, ok := only[key]; ok {
				fields[key] = list
			}
		}
	}
	text, err := json.Marshal(map[string]any{"services": map[string]any{name: fields}})
	if err != nil {
		return types.ServiceConfig{}, fmt.Errorf("restore service %s: %w", name, err)
	}
	details := types.ConfigDetails{ConfigFiles: []types.ConfigFile{{Filename: "revision", Content: text}}}
	p, err := loader.LoadWithContext(ctx, details, loader.WithDiscardEnvFiles, func(o *loader.Options) {
		o.SetProjectName("restored", true)
		o.SkipInterpolation, o.SkipNormalization, o.SkipConsistencyCheck = true, true, true
		o.SkipExtends, o.SkipInclude, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true, true
		o.ResolvePaths = false
	})
	if err != nil {
		return types.ServiceConfig{}, fmt.Errorf("restore service %s: %w", name, err)
	}
	return p.Services[name], nil
}
