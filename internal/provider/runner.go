package provider

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// Options are what a Runner works with.
type Options struct {
	// Environ is the environment as KEY=VALUE; PATH in it says where programs are
	// looked for, DOCKER_CONFIG or HOME where the Docker CLI keeps its plugins.
	Environ []string
	// ConfigDir is the folder of the Docker CLI's config.json; it comes before
	// DOCKER_CONFIG.
	ConfigDir string
	// WorkDir is the working directory of the programs; empty for this process's.
	WorkDir string
	// Sink takes what the programs tell; nil drops it.
	Sink event.Sink
	// Verbose passes debug messages on as well.
	Verbose bool
}

// Runner runs providers and the model runner. It may be used by several
// goroutines at once.
type Runner struct {
	opt Options
	// systemDirs are the folders where a system keeps Docker CLI plugins.
	systemDirs []string
	now        func() time.Time
}

// New returns a Runner. It does no I/O.
func New(opt Options) *Runner {
	if opt.Sink == nil {
		opt.Sink = event.Discard
	}
	return &Runner{opt: opt, systemDirs: systemPluginDirs(opt.Environ), now: time.Now}
}

// systemPluginDirs are the Docker CLI's own (docker/cli, cli-plugins/manager).
func systemPluginDirs(environ []string) []string {
	if runtime.GOOS == "windows" {
		return []string{
			filepath.Join(lookup(environ, "ProgramData"), "Docker", "cli-plugins"),
			filepath.Join(lookup(environ, "ProgramFiles"), "Docker", "cli-plugins"),
		}
	}
	return []string{
		"/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
		"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
	}
}

// output tells a line that a program wrote about a service or a model.
func (r *Runner) output(project, resource, name, text string) {
	r.emit(event.Event{Kind: event.KindOutput, Project: project, Resource: resource, Name: name, Text: text})
}

func (r *Runner) emit(e event.Event) {
	e.Version, e.Time = event.Version, r.now()
	if e.Resource == event.Service {
		e.Service = e.Name
	}
	r.opt.Sink.Emit(e)
}

// lookup gives a variable's value; the last entry wins, as in a process.
func lookup(environ []string, name string) string {
	value := ""
	for _, entry := range environ {
		key, v, _ := strings.Cut(entry, "=")
		if key == name || runtime.GOOS == "windows" && strings.EqualFold(key, name) {
			value = v
		}
	}
	return value
}

// executable tells whether a path is a file that can be run.
func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
