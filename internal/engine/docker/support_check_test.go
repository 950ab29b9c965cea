package docker

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/testengine"
)

// check compares what the engine has with the x- sections and lists what is
// not so:
//
//	x-container    the engine's inspection of the container, as far as given
//	x-environment  entries of its environment
//	x-aliases      by network: aliases; those after "!" must not be there
//	x-networks     networks by key, as berth's list gives them
//	x-volumes      volumes by key, as berth's list gives them
//	x-files        files in the container: "mode uid gid content"
//	x-either       what an engine may be unable to do: where it would show, or
//	               the text with which it refuses or drops it
//	x-external     networks and volumes that are there before
//	x-shares       namespaces that must be those of the service "other"
//	x-pre-start    as x-container, the container of the first pre_start hook
//	x-create-only  why the container cannot be started
func (s support) check(t *testing.T, e *Engine, made made) []string {
	t.Helper()
	if made.err != nil {
		return s.checkEither(nil, made)
	}
	shown := testengine.Inspect(t, made.id)
	maps.Copy(shown, s.resources(t, e))
	problems := differences("container", shown, s.expected["x-container"])
	problems = append(problems, differences("networks", shown["networks"], s.expected["x-networks"])...)
	problems = append(problems, differences("volumes", shown["volumes"], s.expected["x-volumes"])...)
	problems = append(problems, s.checkEither(shown, made)...)
	if environment, ok := s.expected["x-environment"].([]any); ok {
		list := shown["Config"].(map[string]any)["Env"].([]any)
		for _, entry := range environment {
			if !slices.Contains(list, entry) {
				problems = append(problems, fmt.Sprintf("environment %v lacks %v", list, entry))
			}
		}
	}
	problems = append(problems, s.checkShares(t, shown)...)
	problems = append(problems, s.checkPreStart(t, e)...)
	problems = append(problems, s.checkAliases(shown)...)
	for _, pair := range sortedPairs(s.expected["x-files"]) {
		if got, err := describeFile(t, e, made.id, pair.key); err != nil || got != pair.value {
			problems = append(problems, fmt.Sprintf("%s is %q, not %q: %v", pair.key, got, pair.value, err))
		}
	}
	return problems
}

// checkEither looks for each value of x-either in the inspection, or for the
// engine's word that it cannot have it. Without any, a failure is a problem.
func (s support) checkEither(shown map[string]any, made made) []string {
	entries, _ := s.expected["x-either"].([]any)
	said := strings.Join(made.warnings, "\n")
	if made.err != nil {
		said = made.err.Error()
		if len(entries) == 0 {
			return []string{said}
		}
	}
	var problems []string
	for _, entry := range entries {
		entry := entry.(map[string]any)
		if strings.Contains(said, entry["or"].(string)) {
			continue
		}
		var got any = shown
		for key := range strings.SplitSeq(entry["at"].(string), ".") { // networks and volumes are beside the container
			object, _ := got.(map[string]any)
			got = object[key]
		}
		for _, problem := range differences(entry["at"].(string), got, entry["is"]) {
			problems = append(problems, problem+"; the engine says: "+said)
		}
	}
	return problems
}

// checkShares wants namespaces to be those of the service "other", which
// engines store by name or by ID.
func (s support) checkShares(t *testing.T, shown map[string]any) []string {
	t.Helper()
	var problems []string
	modes, _ := s.expected["x-shares"].([]any)
	for _, key := range modes {
		name := s.state.Project + "-other-1"
		id := testengine.Inspect(t, name)["Id"].(string)
		mode := shown["HostConfig"].(map[string]any)[key.(string)]
		if mode != containerPrefix+id && mode != containerPrefix+name {
			problems = append(problems, fmt.Sprintf("%v is %v, not that of %s", key, mode, name))
		}
	}
	return problems
}

// checkPreStart creates the container of the first pre_start hook.
func (s support) checkPreStart(t *testing.T, e *Engine) []string {
	t.Helper()
	want := s.expected["x-pre-start"]
	if want == nil {
		return nil
	}
	service, _ := s.state.Service("web")
	hooks := service.PreStart()
	if len(hooks) == 0 {
		return []string{"there is no hook"}
	}
	return differences("hook", testengine.Inspect(t, create(t, e, hooks[0].Spec)), want)
}

// checkAliases looks at the container's names on its networks.
func (s support) checkAliases(shown map[string]any) []string {
	var problems []string
	networks := shown["NetworkSettings"].(map[string]any)["Networks"].(map[string]any)
	for _, pair := range sortedPairs(s.expected["x-aliases"]) {
		endpoint, _ := networks[s.state.Project+"_"+pair.key].(map[string]any)
		list, _ := endpoint["Aliases"].([]any)
		for _, alias := range pair.value.([]any) {
			name, absent := strings.CutPrefix(alias.(string), "!")
			if slices.Contains(list, any(name)) == absent {
				problems = append(problems, fmt.Sprintf("aliases on %s are %v, want %v", pair.key, list, alias))
			}
		}
	}
	return problems
}

// resources are the networks and volumes by key, as berth's lists give them.
func (s support) resources(t *testing.T, e *Engine) map[string]any {
	t.Helper()
	networks, volumes := map[string]any{}, map[string]any{}
	for _, network := range s.state.Networks {
		list, err := e.Networks(t.Context(), "", network.Spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			networks[network.Key] = reparse(t, withoutTags(list[0]))
		}
	}
	for _, volume := range s.state.Volumes {
		list, err := e.Volumes(t.Context(), "", volume.Spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			volumes[volume.Key] = reparse(t, list[0])
		}
	}
	return map[string]any{"networks": networks, "volumes": volumes}
}

// describeFile is a file in a container: "mode uid gid content".
func describeFile(t *testing.T, e *Engine, id, file string) (string, error) {
	t.Helper()
	stream, _, err := e.CopyFrom(t.Context(), id, file)
	if err != nil {
		return "", err
	}
	archive := tar.NewReader(stream)
	header, err := archive.Next()
	if err != nil {
		return "", errors.Join(err, stream.Close())
	}
	content, err := io.ReadAll(archive)
	text := fmt.Sprintf("%#o %d %d %s", header.Mode&0o7777, header.Uid, header.Gid, content)
	return text, errors.Join(err, stream.Close())
}

// withoutTags makes a network's fields appear under their Go names.
func withoutTags(n engine.Network) map[string]any {
	var pools []map[string]any
	for _, pool := range n.IPAM.Config {
		pools = append(pools, map[string]any{
			"Subnet": pool.Subnet, "Gateway": pool.Gateway, "IPRange": pool.IPRange, "AuxiliaryAddresses": pool.AuxiliaryAddresses,
		})
	}
	return map[string]any{
		"Name": n.Name, "Driver": n.Driver, "EnableIPv6": n.EnableIPv6, "Attachable": n.Attachable, "Internal": n.Internal,
		"Options": n.Options, "Labels": n.Labels,
		"IPAM": map[string]any{"Driver": n.IPAM.Driver, "Options": n.IPAM.Options, "Config": pools},
	}
}

// reparse turns a value into what JSON decoding gives.
func reparse(t *testing.T, value any) any {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var result any
	if err := json.Unmarshal(content, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// differences lists where a value is not as expected: maps may hold more keys
// than the expected ones; lists must be whole. An expected null is any value.
func differences(path string, got, want any) []string {
	no := []string{fmt.Sprintf("%s is %v, not %v", path, got, want)}
	var problems []string
	switch want := want.(type) {
	case nil:
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return no
		}
		for _, pair := range sortedPairs(want) {
			if _, ok := object[pair.key]; !ok && pair.value != nil {
				return []string{fmt.Sprintf("%s has no %s", path, pair.key)}
			}
			problems = append(problems, differences(path+"."+pair.key, object[pair.key], pair.value)...)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return no
		}
		for index, value := range want {
			problems = append(problems, differences(fmt.Sprintf("%s[%d]", path, index), list[index], value)...)
		}
	default:
		if printNumber(got) != printNumber(want) {
			return no
		}
	}
	return problems
}

// printNumber prints whole numbers of any type alike.
func printNumber(value any) string {
	if number, ok := value.(float64); ok {
		return fmt.Sprintf("%.0f", number)
	}
	return fmt.Sprint(value)
}
