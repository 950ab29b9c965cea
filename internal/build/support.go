package build

import (
	"fmt"
	"strings"

	"github.com/berth-dev/berth/pkg/event"
)

// feature is something an engine can do from a certain minor version of API 1 on.
type feature int

// The features, by the API version they came with.
const (
	// modernFrontend: the engine's Dockerfile frontend knows named contexts,
	// here documents and COPY --link; its BuildKit obeys shm_size and ulimits
	// and makes attestations (Engine 23).
	modernFrontend feature = 42
)

// lacks tells whether the engine is too old for a feature. An engine that did
// not say its version lacks nothing.
func (o Options) lacks(f feature) bool {
	var major, minor int
	if _, err := fmt.Sscanf(o.Engine.APIVersion, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major < 1 || major == 1 && minor < int(f)
}

// checkAll checks the builder and every job.
func checkAll(jobs []*job, o Options) error {
	if b := o.Builder; b != nil && !b.isRemote() {
		switch endpoint := b.Nodes[0].Endpoint; endpoint {
		case "", "default", o.Engine.Endpoint:
		default:
			return fmt.Errorf("--builder %s: builds on the engine of %s, not on this one: choose that engine with --context or DOCKER_HOST", b.Name, endpoint)
		}
	}
	if o.Memory > 0 {
		o.emit(event.Event{Kind: event.KindWarning, Text: "--memory has no effect: BuildKit has no such limit"})
	}
	for _, j := range jobs {
		if err := checkSupport(j.target, o); err != nil {
			return err
		}
	}
	return nil
}

// checkSupport refuses what cannot work, before anything is sent, and warns of
// what the engine's BuildKit will not obey.
func checkSupport(target Target, o Options) error {
	build := target.Build
	where := "services." + target.Service + ".build."
	switch build.Network {
	case "", "default", "none", "host":
	default:
		return fmt.Errorf("%snetwork: BuildKit knows default, none and host only, not %q", where, build.Network)
	}
	if err := checkSecrets(target); err != nil {
		return err
	}
	warn := func(key, why string) {
		o.emit(event.Event{Kind: event.KindWarning, Service: target.Service, Text: where + key + " has no effect: " + why})
	}
	if build.Isolation != "" && build.Isolation != "default" {
		warn("isolation", "BuildKit has none")
	}
	if o.Builder.isRemote() || !o.lacks(modernFrontend) {
		return nil
	}
	old := "it needs Engine 23 (API 1.42), this one has API " + o.Engine.APIVersion
	if len(target.Platforms) > 1 {
		return fmt.Errorf("%splatforms: this engine keeps one platform per image, not %s: choose one with platform: or DOCKER_DEFAULT_PLATFORM", where, strings.Join(target.Platforms, ", "))
	}
	for _, entry := range build.CacheTo {
		if !strings.Contains(entry, "type=inline") {
			return fmt.Errorf("%scache_to: this engine can only write type=inline, not %q", where, entry)
		}
	}
	for key, used := range map[string]bool{
		"shm_size": build.ShmSize > 0, "ulimits": len(build.Ulimits) > 0,
		"provenance": isOn(either(o.Provenance, build.Provenance)), "sbom": isOn(either(o.SBOM, build.SBOM)),
	} {
		if used {
			warn(key, old)
		}
	}
	return nil
}
