package build

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Entitlements that BuildKit grants on request.
const (
	allowInsecure = "security.insecure"
	allowHostNet  = "network.host"
)

// hostGateway is the word for the host's own address in extra_hosts.
const hostGateway = "host-gateway"

// request is what a target asks of BuildKit, without its files.
type request struct {
	attrs        map[string]string // the Dockerfile frontend's options
	entitlements []string
	cacheFrom    []cacheEntry
	cacheTo      []cacheEntry
}

// cacheEntry is one cache_from or cache_to.
type cacheEntry struct {
	kind  string
	attrs map[string]string
}

// newRequest translates a target's build section. gateway stands for
// host-gateway in extra_hosts; empty where it is unknown.
func newRequest(target Target, o Options, gateway string) (request, error) {
	r := request{attrs: map[string]string{}}
	build := target.Build
	where := "services." + target.Service + ".build."
	if build.Target != "" {
		r.attrs["target"] = build.Target
	}
	for name, value := range arguments(build.Args, o) {
		r.attrs["build-arg:"+name] = value
	}
	for name, value := range imageLabels(target, o) {
		r.attrs["label:"+name] = value
	}
	if len(target.Platforms) > 0 {
		r.attrs["platform"] = strings.Join(target.Platforms, ",")
	}
	r.setCachePolicy(build, o)
	r.setContainer(build)
	r.entitlements = entitlements(build)
	r.setAttestations(build, o)
	if err := r.setHosts(build.ExtraHosts, gateway); err != nil {
		return r, fmt.Errorf("%sextra_hosts: %w", where, err)
	}
	var err error
	if r.cacheFrom, err = cacheEntries(build.CacheFrom); err != nil {
		return r, fmt.Errorf("%scache_from: %w", where, err)
	}
	if r.cacheTo, err = cacheEntries(build.CacheTo); err != nil {
		return r, fmt.Errorf("%scache_to: %w", where, err)
	}
	return r, nil
}

// setCachePolicy sets what may be taken from the cache.
func (r request) setCachePolicy(build types.BuildConfig, o Options) {
	switch {
	case build.NoCache || o.NoCache:
		r.attrs["no-cache"] = ""
	case len(build.NoCacheFilter) > 0:
		r.attrs["no-cache"] = strings.Join(build.NoCacheFilter, ",")
	}
	switch {
	case build.Pull || o.Pull:
		r.attrs["image-resolve-mode"] = "pull"
	case !o.Builder.isRemote():
		r.attrs["image-resolve-mode"] = "local"
	}
}

// setContainer sets what the containers of RUN steps are like.
func (r request) setContainer(build types.BuildConfig) {
	if build.Network != "" && build.Network != "default" {
		r.attrs["force-network-mode"] = build.Network
	}
	if build.ShmSize > 0 {
		r.attrs["shm-size"] = strconv.FormatInt(int64(build.ShmSize), 10)
	}
	if limits := ulimits(build.Ulimits); len(limits) > 0 {
		r.attrs["ulimit"] = strings.Join(limits, ",")
	}
}

// ulimits are limits as "name=soft:hard", sorted.
func ulimits(limits map[string]*types.UlimitsConfig) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		soft, hard := limits[name].Soft, limits[name].Hard
		if single := limits[name].Single; single != 0 {
			soft, hard = single, single
		}
		list = append(list, fmt.Sprintf("%s=%d:%d", name, soft, hard))
	}
	return list
}

// setHosts sets extra_hosts in the frontend's form.
func (r request) setHosts(hosts types.HostsList, gateway string) error {
	var entries []string
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		for _, ip := range hosts[host] {
			if ip == hostGateway {
				if gateway == "" {
					return fmt.Errorf("%s: this engine does not tell BuildKit its host-gateway: write an address instead", host)
				}
				ip = gateway
			}
			entries = append(entries, host+"="+strings.Trim(ip, "[]"))
		}
	}
	if len(entries) > 0 {
		r.attrs["add-hosts"] = strings.Join(entries, ",")
	}
	return nil
}

// setAttestations asks for provenance and SBOM.
func (r request) setAttestations(build types.BuildConfig, o Options) {
	if value, on := attestation(either(o.Provenance, build.Provenance), "mode=min,inline-only=true"); on {
		r.attrs["attest:provenance"] = value
	}
	if value, on := attestation(either(o.SBOM, build.SBOM), ""); on {
		r.attrs["attest:sbom"] = value
	}
}

// attestation reads a provenance or sbom value: a boolean, or the attestation's
// own parameters.
func attestation(value, whenTrue string) (parameters string, on bool) {
	if value == "" {
		return "", false
	}
	if yes, err := strconv.ParseBool(value); err == nil {
		return whenTrue, yes
	}
	return value, true
}

// isOn tells whether a provenance or sbom value asks for one.
func isOn(value string) bool {
	_, on := attestation(value, "")
	return on
}

// entitlements are what the build section asks to be allowed.
func entitlements(build types.BuildConfig) []string {
	list := slices.Clone(build.Entitlements)
	if build.Privileged {
		list = append(list, allowInsecure)
	}
	if build.Network == "host" {
		list = append(list, allowHostNet)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// arguments are the build args by rising rank: proxies, the build section,
// the command line. One without a value takes the environment's, and is left
// out when that has none, so that the Dockerfile's default holds.
func arguments(args types.MappingWithEquals, o Options) map[string]string {
	result := maps.Clone(o.ProxyArgs)
	if result == nil {
		result = map[string]string{}
	}
	for _, layer := range []types.MappingWithEquals{args, o.Args} {
		for name, value := range layer {
			if value != nil {
				result[name] = *value
				continue
			}
			if o.LookupEnv == nil {
				continue
			}
			if found, ok := o.LookupEnv(name); ok {
				result[name] = found
			}
		}
	}
	return result
}

// imageLabels are the labels of the image; those of the build section win.
func imageLabels(target Target, o Options) map[string]string {
	result := map[string]string{}
	maps.Copy(result, o.Labels)
	maps.Copy(result, target.Labels)
	maps.Copy(result, target.Build.Labels)
	return result
}

// cacheEntries reads cache_from or cache_to: "type=registry,ref=image", or an
// image alone.
func cacheEntries(list []string) ([]cacheEntry, error) {
	var entries []cacheEntry
	for _, text := range list {
		if !strings.Contains(text, "=") {
			entries = append(entries, cacheEntry{kind: "registry", attrs: map[string]string{"ref": text}})
			continue
		}
		fields, err := parseFields(text)
		if err != nil {
			return nil, err
		}
		kind := fields["type"]
		if kind == "" {
			return nil, fmt.Errorf("%q has no type=", text)
		}
		delete(fields, "type")
		entries = append(entries, cacheEntry{kind: kind, attrs: fields})
	}
	return entries, nil
}

// parseFields reads "key=value,key=value"; a field may be quoted as in CSV.
func parseFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	list, err := splitFields(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	for _, field := range list {
		key, value, ok := strings.Cut(field, "=")
		if !ok || strings.TrimSpace(key) == "" {
			return nil, fmt.Errorf("%q: %q is not key=value", text, field)
		}
		fields[strings.ToLower(strings.TrimSpace(key))] = value
	}
	return fields, nil
}

// splitFields splits at commas outside quotes.
func splitFields(text string) ([]string, error) {
	var fields []string
	var field strings.Builder
	quoted := false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			fields = append(fields, field.String())
			field.Reset()
		default:
			field.WriteRune(r)
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	return append(fields, field.String()), nil
}

// either is the first of the two that is not empty.
func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
