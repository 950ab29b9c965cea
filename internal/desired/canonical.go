package desired

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// Canonical is the part of a service that shapes its containers at run time,
// with the digests of its configs and secrets, or all of a network or volume. It
// is stored, compressed, in the label dev.berth.spec of what is made from it, so
// that one list request tells what has changed.
type Canonical struct {
	Version  int               `json:"v"`
	Service  json.RawMessage   `json:"service,omitempty"`
	Files    map[string]string `json:"files,omitempty"`
	Resource json.RawMessage   `json:"resource,omitempty"` // a network or volume
	// Hooks are pre_start, post_start and pre_stop. They are kept for a rollback: a
	// change of them needs no new container.
	Hooks json.RawMessage `json:"hooks,omitempty"`
}

// canonical leaves out what changes nothing in a container: how its image is
// made, how many there are, when they start and how they are updated.
func canonical(s types.ServiceConfig, files map[string]string) (Canonical, error) {
	hooks, err := hooksOf(s)
	if err != nil {
		return Canonical{}, fmt.Errorf("service %s: %w", s.Name, err)
	}
	s.Build, s.PullPolicy, s.PullRefreshAfter, s.Scale, s.DependsOn, s.Profiles = nil, "", "", nil, nil, nil
	s.Develop, s.Attach, s.Extends, s.EnvFiles, s.LabelFiles = nil, nil, nil, nil, nil
	s.PreStart, s.PostStart, s.PreStop, s.Extensions = nil, nil, nil, nil
	if s.Deploy != nil {
		deploy := *s.Deploy
		deploy.Replicas, deploy.UpdateConfig, deploy.RollbackConfig = nil, nil, nil
		deploy.Mode, deploy.EndpointMode, deploy.Placement, deploy.Labels = "", "", types.Placement{}, nil
		s.Deploy = &deploy
		if deploy.RestartPolicy == nil && deploy.Resources.Limits == nil && deploy.Resources.Reservations == nil {
			s.Deploy = nil
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return Canonical{}, fmt.Errorf("service %s: %w", s.Name, err)
	}
	return Canonical{Version: 1, Service: data, Files: files, Hooks: hooks}, nil
}

// hooksOf is the part of a service that is kept as Hooks; nil without any.
func hooksOf(s types.ServiceConfig) (json.RawMessage, error) {
	if len(s.PreStart)+len(s.PostStart)+len(s.PreStop) == 0 {
		return nil, nil
	}
	var only types.ServiceConfig
	only.PreStart, only.PostStart, only.PreStop = s.PreStart, s.PostStart, s.PreStop
	return json.Marshal(only)
}

// Encode packs the spec for a label.
func (c Canonical) Encode() (string, error) { return pack(c) }

// DecodeCanonical unpacks a label written by Encode.
func DecodeCanonical(label string) (Canonical, error) {
	var c Canonical
	err := unpack(label, &c)
	return c, err
}

// PostStart are the post_start hooks among Hooks.
func (c Canonical) PostStart() []types.ServiceHook {
	var hooks struct {
		PostStart []types.ServiceHook `json:"post_start"`
	}
	if c.Hooks == nil || json.Unmarshal(c.Hooks, &hooks) != nil {
		return nil
	}
	return hooks.PostStart
}

// Diff lists the fields in which next differs from c, sorted by path. A network
// that is joined without options counts only when it is left: joining one needs
// no new container.
func (c Canonical) Diff(next Canonical) ([]engine.Change, error) {
	before, err := flatten(c)
	if err != nil {
		return nil, err
	}
	after, err := flatten(next)
	if err != nil {
		return nil, err
	}
	var out []engine.Change
	for path, old := range before {
		if now, ok := after[path]; !ok || old != now {
			out = append(out, change(path, &old, after))
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok && !joinsOnly(path, after[path]) {
			out = append(out, change(path, nil, after))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// joined stands for a network that is joined without options.
const joined = "joined"

func joinsOnly(path, value string) bool {
	return strings.HasPrefix(path, "networks.") && value == joined
}

// change writes one difference; a value that is there but empty shows as "".
func change(path string, old *string, after map[string]string) engine.Change {
	c := engine.Change{Path: path, Secret: isSecret(path)}
	show := func(s string) string {
		if s == "" {
			return `""`
		}
		return s
	}
	if old != nil {
		c.Old = show(*old)
	}
	if now, ok := after[path]; ok {
		c.New = show(now)
	}
	return c
}

func flatten(c Canonical) (map[string]string, error) {
	var fields any
	spec := c.Service
	if c.Resource != nil {
		spec = c.Resource
	}
	dec := json.NewDecoder(bytes.NewReader(spec))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		return nil, err
	}
	out := map[string]string{}
	flattenInto(out, "", fields)
	for k, v := range c.Files {
		out[k] = "sha256:" + v
	}
	return out, nil
}

func flattenInto(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flattenInto(out, join(path, k), e)
		}
	case []any:
		if scalars(v) {
			data, _ := json.Marshal(v) // what json decoded, json can write
			out[path] = string(data)
			return
		}
		for i, e := range v {
			flattenInto(out, fmt.Sprintf("%s[%d]", path, i), e)
		}
	case nil:
		if strings.HasPrefix(path, "networks.") {
			out[path] = joined
		}
	case string:
		out[path] = v
	default:
		out[path] = fmt.Sprint(v)
	}
}

func scalars(list []any) bool {
	for _, e := range list {
		switch e.(type) {
		case map[string]any, []any:
			return false
		}
	}
	return true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// isSecret tells whether the field at a path is likely to hold a secret.
func isSecret(path string) bool {
	if strings.HasPrefix(path, "secrets.") {
		return true // a digest of a short secret can be guessed from
	}
	name, ok := strings.CutPrefix(path, "environment.")
	if !ok {
		return false
	}
	name = strings.ToUpper(name)
	for _, word := range []string{"PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "_DSN", "DATABASE_URL", "PASS"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
