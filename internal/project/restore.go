package project

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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
	if err := nameBlkio(fields); err != nil {
		return types.ServiceConfig{}, fmt.Errorf("restore service %s: %w", name, err)
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

// nameBlkio gives the devices of blkio_config the names that they have in files:
// in JSON, compose-go writes those of its Go fields.
func nameBlkio(fields map[string]json.RawMessage) error {
	const key = "blkio_config"
	if fields[key] == nil {
		return nil
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(fields[key], &config); err != nil {
		return err
	}
	for name, raw := range config {
		var devices []map[string]json.RawMessage
		if json.Unmarshal(raw, &devices) != nil {
			continue // weight is a number
		}
		for i, device := range devices {
			devices[i] = map[string]json.RawMessage{}
			for field, value := range device {
				devices[i][strings.ToLower(field)] = value
			}
		}
		named, err := json.Marshal(devices)
		if err != nil {
			return err
		}
		config[name] = named
	}
	named, err := json.Marshal(config)
	fields[key] = named
	return err
}
