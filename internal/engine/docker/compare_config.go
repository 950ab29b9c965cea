package docker

import (
	"context"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
)

// imageDefaults are the values an image gives to containers that ask for
// nothing, and the names it is known by.
type imageDefaults struct {
	names                []string // familiar references
	user, workingDir     string
	stopSignal           string
	command, entrypoint  []string
	environment, volumes []string
	labels               map[string]string
	exposed              []string
	health               *container.HealthConfig
}

// imageDefaults asks for the image of a container; the zero value if it has
// been removed since.
func (e *Engine) imageDefaults(ctx context.Context, id string) (imageDefaults, error) {
	answer, err := e.cli.ImageInspect(ctx, id)
	if err != nil {
		translated := e.fail(ctx, "inspect image", id, err)
		if errors.Is(translated, engine.ErrNotFound) {
			return imageDefaults{}, nil
		}
		return imageDefaults{}, translated
	}
	var result imageDefaults
	for _, name := range append(slices.Clone(answer.RepoTags), answer.RepoDigests...) {
		result.names = append(result.names, familiar(name))
	}
	if config := answer.Config; config != nil {
		result.user, result.workingDir, result.stopSignal = config.User, config.WorkingDir, config.StopSignal
		result.command, result.entrypoint, result.environment = config.Cmd, config.Entrypoint, config.Env
		result.labels, result.health = config.Labels, config.Healthcheck
		result.exposed, result.volumes = sortedKeys(config.ExposedPorts), sortedKeys(config.Volumes)
	}
	return result, nil
}

// config compares the simple fields of the portable configuration.
func (c *comparison) config() {
	want, got, image := c.want.config, c.got.container.Config, c.got.image
	c.image()
	command, entrypoint := effectiveCommand(want, image)
	c.list("command", got.Cmd, command)
	c.list("entrypoint", got.Entrypoint, entrypoint)
	c.text("user", got.User, or(want.User, image.user))
	c.text("working_dir", cleanDir(got.WorkingDir), cleanDir(or(want.WorkingDir, image.workingDir)))
	if want.Hostname != "" {
		c.text("hostname", got.Hostname, want.Hostname)
	}
	c.text("domainname", got.Domainname, want.Domainname)
	c.text("tty", got.Tty, want.Tty)
	c.text("stdin_open", got.OpenStdin, want.OpenStdin)
	c.text("stop_signal", signal(got.StopSignal), signal(or(want.StopSignal, image.stopSignal)))
	c.text("stop_grace_period", seconds(got.StopTimeout), seconds(want.StopTimeout))
	if want.NetworkDisabled != got.NetworkDisabled {
		c.text("network_mode", got.NetworkDisabled, want.NetworkDisabled)
	}
}

// image compares the reference, or the identity where one is asked for.
func (c *comparison) image() {
	want, got := c.want.config.Image, c.got.container
	name := familiar(want)
	switch {
	case want == got.Config.Image, want == got.Image, slices.Contains(c.got.image.names, name):
	case name != "" && name == familiar(got.Config.Image):
	case isID(want) && strings.HasPrefix(strings.TrimPrefix(got.Image, "sha256:"), strings.TrimPrefix(want, "sha256:")):
	default:
		c.differ("image", got.Config.Image, want)
	}
}

// effectiveCommand is what the engine makes of command and entrypoint: an
// entrypoint in the request takes the image's command away.
func effectiveCommand(want *container.Config, image imageDefaults) (command, entrypoint []string) {
	command, entrypoint = want.Cmd, want.Entrypoint
	if len(entrypoint) > 0 {
		return command, entrypoint
	}
	if len(command) == 0 {
		command = image.command
	}
	if entrypoint == nil {
		entrypoint = image.entrypoint
	}
	return command, entrypoint
}

// environment compares variables. Proxy variables that the file does not set
// come from the configuration of whoever created the container.
func (c *comparison) environment() {
	old := environmentMap(c.got.container.Config.Env)
	merged := environmentMap(c.got.image.environment)
	for _, entry := range c.want.config.Env {
		key, value, ok := cutEnv(entry)
		merged[key] = value
		if !ok {
			delete(merged, key)
		}
	}
	for _, key := range sortedSet(append(sortedKeys(old), sortedKeys(merged)...)) {
		before, had := old[key]
		after, has := merged[key]
		if had == has && before == after || c.foreignProxy(key) {
			continue
		}
		c.changes = append(c.changes, engine.Change{
			Path: field(c.service, "environment."+key), Old: before, New: after, Secret: sensitive(key),
		})
	}
}

// foreignProxy tells whether a variable is one of those Compose tools take
// from config.json, and the file says nothing of it.
func (c *comparison) foreignProxy(key string) bool {
	switch strings.ToUpper(key) {
	case "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY":
	default:
		return false
	}
	_, given := c.spec.Service.Environment[key]
	return !given
}

// environmentMap reads "KEY=value" entries; bare keys mean absence.
func environmentMap(entries []string) map[string]string {
	result := map[string]string{}
	for _, entry := range entries {
		if key, value, ok := cutEnv(entry); ok {
			result[key] = value
		}
	}
	return result
}

// sensitivePattern is found in names of variables whose value is not shown.
const sensitivePattern = `(?i)passw|secret|token|credential|private|apikey|api_key|_key$|auth`

func sensitive(name string) bool { return regexp.MustCompile(sensitivePattern).MatchString(name) }

// toolLabels are prefixes of labels that tools put on containers by themselves.
const toolLabels = "com.docker.compose.|dev.berth.|desktop.docker.io/"

// labels compares the labels that people give, the image's included.
func (c *comparison) labels() {
	want := map[string]string{}
	for key, value := range c.got.image.labels {
		want[key] = value
	}
	for key, value := range c.want.config.Labels {
		want[key] = value
	}
	c.mapping("labels", personal(c.got.container.Config.Labels), personal(want))
}

// personal leaves out the labels of tools.
func personal(all map[string]string) map[string]string {
	result := map[string]string{}
	for key, value := range all {
		tool := false
		for prefix := range strings.SplitSeq(toolLabels, "|") {
			tool = tool || strings.HasPrefix(key, prefix)
		}
		if !tool {
			result[key] = value
		}
	}
	return result
}

// health compares health checks after filling in the image's.
func (c *comparison) health() {
	want, got := mergeHealth(c.want.config.Healthcheck, c.got.image.health), c.got.container.Config.Healthcheck
	if got == nil {
		got = &container.HealthConfig{}
	}
	c.list("healthcheck.test", got.Test, want.Test)
	if len(want.Test) > 0 && want.Test[0] == "NONE" {
		return
	}
	c.text("healthcheck.interval", got.Interval, want.Interval)
	c.text("healthcheck.timeout", got.Timeout, want.Timeout)
	c.text("healthcheck.start_period", got.StartPeriod, want.StartPeriod)
	c.text("healthcheck.start_interval", got.StartInterval, want.StartInterval)
	c.text("healthcheck.retries", got.Retries, want.Retries)
}

// mergeHealth fills what a health check leaves open from the image's.
func mergeHealth(own, image *container.HealthConfig) container.HealthConfig {
	var result, base container.HealthConfig
	if own != nil {
		result = *own
	}
	if image != nil {
		base = *image
	}
	if len(result.Test) == 0 {
		result.Test = base.Test
	}
	if result.Retries == 0 {
		result.Retries = base.Retries
	}
	for _, pair := range []struct{ own, image *time.Duration }{
		{&result.Interval, &base.Interval}, {&result.Timeout, &base.Timeout},
		{&result.StartPeriod, &base.StartPeriod}, {&result.StartInterval, &base.StartInterval},
	} {
		if *pair.own == 0 {
			*pair.own = *pair.image
		}
	}
	return result
}

// or is the first value unless it is empty.
func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// cleanDir makes "", "/" and "/app/" comparable.
func cleanDir(dir string) string {
	if dir == "" {
		return "/"
	}
	return path.Clean(dir)
}

// signal gives a signal's full name; SIGTERM is the engine's default.
func signal(name string) string {
	switch name = strings.ToUpper(name); name {
	case "", "15":
		return "SIGTERM"
	case "9":
		return "SIGKILL"
	case "3":
		return "SIGQUIT"
	case "2":
		return "SIGINT"
	case "1":
		return "SIGHUP"
	}
	if strings.HasPrefix(name, "SIG") || name[0] >= '0' && name[0] <= '9' {
		return name
	}
	return "SIG" + name
}

// seconds prints a time limit; empty for none.
func seconds(limit *int) string {
	if limit == nil {
		return ""
	}
	return (time.Duration(*limit) * time.Second).String()
}
