package project

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// check refuses values that compose-go passes but no engine can use, so that they fail
// here, with file and line, and not half-way through an update.
func (s *session) check(p *types.Project) error {
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		service := p.Services[name]
		checks := slices.Concat(durations(service), sizes(service), ports(service))
		for _, c := range checks {
			if c.problem == "" {
				continue
			}
			path := append([]string{"services", name}, strings.Split(c.path, ".")...)
			e := &Error{Key: key(path), Msg: c.problem, Hint: c.hint}
			if pos, depth := s.sources.locate(path); depth > 0 {
				e.File, e.Line = pos.file, pos.line
			}
			return e
		}
	}
	return nil
}

// finding is the result of one check: problem is empty where there is none.
type finding struct {
	path, problem, hint string
}

// durations checks that no time is negative.
func durations(s types.ServiceConfig) []finding {
	all := map[string]*types.Duration{"stop_grace_period": s.StopGracePeriod}
	if h := s.HealthCheck; h != nil {
		all["healthcheck.interval"], all["healthcheck.timeout"] = h.Interval, h.Timeout
		all["healthcheck.start_period"], all["healthcheck.start_interval"] = h.StartPeriod, h.StartInterval
	}
	if d := s.Deploy; d != nil {
		for key, u := range map[string]*types.UpdateConfig{"update_config": d.UpdateConfig, "rollback_config": d.RollbackConfig} {
			if u != nil {
				delay, monitor := u.Delay, u.Monitor
				all["deploy."+key+".delay"], all["deploy."+key+".monitor"] = &delay, &monitor
			}
		}
		if r := d.RestartPolicy; r != nil {
			all["deploy.restart_policy.delay"], all["deploy.restart_policy.window"] = r.Delay, r.Window
		}
	}
	var found []finding
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if d := all[path]; d != nil && *d < 0 {
			found = append(found, finding{path, fmt.Sprintf("negative duration %s", time.Duration(*d)), "use 0s or more"})
		}
	}
	return found
}

// sizes checks amounts of memory, CPU and processes. -1 means no limit where the
// engine has that.
func sizes(s types.ServiceConfig) []finding {
	type limit struct {
		value int64
		least int64
	}
	all := map[string]limit{
		"mem_limit": {int64(s.MemLimit), -1}, "mem_reservation": {int64(s.MemReservation), -1},
		"memswap_limit": {int64(s.MemSwapLimit), -1}, "shm_size": {int64(s.ShmSize), 0},
		"mem_swappiness": {int64(s.MemSwappiness), -1}, "pids_limit": {s.PidsLimit, -1},
		"cpu_shares": {s.CPUShares, 0}, "cpu_period": {s.CPUPeriod, 0}, "cpu_quota": {s.CPUQuota, -1},
		"cpu_count": {s.CPUCount, 0},
	}
	cpus := map[string]float32{"cpus": s.CPUS, "cpu_percent": s.CPUPercent}
	if d := s.Deploy; d != nil {
		for name, r := range map[string]*types.Resource{"limits": d.Resources.Limits, "reservations": d.Resources.Reservations} {
			if r != nil {
				path := "deploy.resources." + name
				all[path+".memory"], all[path+".pids"] = limit{int64(r.MemoryBytes), -1}, limit{r.Pids, -1}
				cpus[path+".cpus"] = r.NanoCPUs.Value()
			}
		}
	}
	var found []finding
	for _, path := range slices.Sorted(maps.Keys(all)) {
		l := all[path]
		if l.value == math.MinInt64 { // what too large a number is converted to
			found = append(found, finding{path, "the number is too large", "use a smaller number"})
		} else if l.value < l.least {
			found = append(found, finding{path, fmt.Sprintf("negative value %d", l.value), "use 0 or more"})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(cpus)) {
		if f := float64(cpus[path]); math.IsNaN(f) || math.IsInf(f, 0) {
			found = append(found, finding{path, fmt.Sprintf("%g is not a number of CPUs", f), "write a number, as 0.5"})
		} else if f < 0 {
			found = append(found, finding{path, fmt.Sprintf("negative value %g", cpus[path]), "use 0 or more"})
		}
	}
	return found
}

// ports checks the long form, which compose-go takes as it is.
func ports(s types.ServiceConfig) []finding {
	const most = 65535
	var found []finding
	for i, p := range s.Ports {
		path := fmt.Sprintf("ports.%d", i)
		if p.Target == 0 || p.Target > most {
			found = append(found, finding{path, fmt.Sprintf("target port %d is not a port", p.Target), "use 1 to 65535"})
		}
		if !isPortRange(p.Published) {
			found = append(found, finding{path, fmt.Sprintf("published port %q is not a port or a range", p.Published),
				"use 0 to 65535, or FIRST-LAST"})
		}
		switch strings.ToLower(p.Protocol) {
		case "", "tcp", "udp", "sctp":
		default:
			found = append(found, finding{path, fmt.Sprintf("unknown protocol %q", p.Protocol), "use tcp, udp or sctp"})
		}
	}
	return found
}

// isPortRange accepts nothing, a port, or a range of ports in ascending order.
func isPortRange(s string) bool {
	if s == "" {
		return true
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	return errA == nil && errB == nil && a <= b
}

// checkShortVolumes refuses SOURCE:TARGET:MODE with more parts, which compose-go takes
// where a part is a single letter, since that could be a drive.
func (s *session) checkShortVolumes() error {
	p, ok := s.sources.find(func(p place) bool {
		return p.node.Kind == yaml.ScalarNode && volumeParts(s.expand(p.node.Value)) > 3
	}, "services", "*", "volumes", "*")
	if !ok {
		return nil
	}
	return (&Error{Msg: fmt.Sprintf("invalid spec: %s: too many colons", s.expand(p.node.Value)),
		Hint: "write [SOURCE:]TARGET[:MODE]"}).at(p)
}

// volumeParts counts the parts of a volume in its short form; a letter belongs to the
// part after it only when that starts as a path on a drive does.
func volumeParts(spec string) int {
	if strings.Contains(spec, "${") {
		return 0 // not interpolated, so its colons mean something else
	}
	parts := strings.Split(spec, ":")
	n := len(parts)
	for i, p := range parts[:len(parts)-1] {
		if len(p) == 1 && (strings.HasPrefix(parts[i+1], `\`) || strings.HasPrefix(parts[i+1], "/")) {
			n--
		}
	}
	return n
}
