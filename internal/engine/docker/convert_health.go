package docker

import (
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
)

// newHealthcheck is the health check; nil leaves the image's own. start_interval
// needs API 1.44 and is left out before ([Unsupported] lists it).
func newHealthcheck(check *types.HealthCheckConfig, api string) *container.HealthConfig {
	if check == nil {
		return nil
	}
	result := &container.HealthConfig{
		Test:        check.Test,
		Interval:    duration(check.Interval),
		Timeout:     duration(check.Timeout),
		StartPeriod: duration(check.StartPeriod),
	}
	if check.Retries != nil {
		result.Retries = int(*check.Retries) //nolint:gosec // the engine refuses absurd numbers
	}
	if !olderThan(api, "1.44") {
		result.StartInterval = duration(check.StartInterval)
	}
	if check.Disable {
		result.Test = []string{"NONE"}
	}
	return result
}

// duration is 0, which means the engine's default, for a missing value.
func duration(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

// wholeSeconds drops the fraction, as docker compose does.
func wholeSeconds(d types.Duration) int { return int(time.Duration(d) / time.Second) }

// newRestartPolicy is deploy.restart_policy, or restart where there is none.
// The engine counts attempts with on-failure only; delay and window it does
// not have.
func newRestartPolicy(service types.ServiceConfig) container.RestartPolicy {
	if deploy := service.Deploy; deploy != nil && deploy.RestartPolicy != nil {
		policy := container.RestartPolicy{Name: restartMode(deploy.RestartPolicy.Condition)}
		if policy.Name == "" {
			policy.Name = container.RestartPolicyAlways
		}
		if attempts := deploy.RestartPolicy.MaxAttempts; attempts != nil && policy.Name == container.RestartPolicyOnFailure {
			policy.MaximumRetryCount = int(*attempts) //nolint:gosec // the engine refuses absurd numbers
		}
		return policy
	}
	name, count, counted := strings.Cut(service.Restart, ":")
	policy := container.RestartPolicy{Name: restartMode(name)}
	if n, err := strconv.Atoi(count); counted && err == nil {
		policy.MaximumRetryCount = n
	}
	return policy
}

// restartMode translates the words of deploy.restart_policy.condition; those
// of restart are the engine's own.
func restartMode(condition string) container.RestartPolicyMode {
	switch condition {
	case "any":
		return container.RestartPolicyAlways
	case "none":
		return container.RestartPolicyDisabled
	}
	return container.RestartPolicyMode(condition)
}
