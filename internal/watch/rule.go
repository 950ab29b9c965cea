package watch

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// service is a service with its rules.
type service struct {
	name  string
	rules []*rule
}

// rule is one entry of develop.watch.
type rule struct {
	action  types.WatchAction
	path    string // absolute
	target  string // absolute, in the container; a slash at its end is kept
	hook    types.ServiceHook
	initial bool

	ignore, dockerIgnore, include *matcher
	// never are paths that are not copied: what the service is made from, not
	// what it runs.
	never map[string]bool
}

// ErrNothingToWatch says that no service has rules.
var ErrNothingToWatch = errors.New("none of the selected services is configured for watch, consider setting a 'develop' section")

// compile makes the rules of the selected services, of all for none, and
// collects what is wrong with them.
func compile(p *types.Project, selected []string) (list []*service, warnings []string, err error) {
	names := append([]string(nil), selected...)
	if len(names) == 0 {
		names = p.ServiceNames()
	}
	sort.Strings(names)
	var problems []error
	for _, name := range names {
		config, ok := p.Services[name]
		if !ok || config.Develop == nil || len(config.Develop.Watch) == 0 {
			continue
		}
		svc, told, err := compileService(p, config)
		warnings = append(warnings, told...)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		list = append(list, svc)
	}
	switch {
	case len(problems) > 0:
		return nil, warnings, errors.Join(problems...)
	case len(list) == 0:
		return nil, warnings, ErrNothingToWatch
	}
	return list, warnings, nil
}

func compileService(p *types.Project, config types.ServiceConfig) (svc *service, warnings []string, err error) {
	svc = &service{name: config.Name}
	ignored, err := dockerIgnore(config.Build)
	if err != nil {
		return nil, nil, fmt.Errorf("service %q: %w", config.Name, err)
	}
	for i, trigger := range config.Develop.Watch {
		at := fmt.Sprintf("services.%s.develop.watch[%d]", config.Name, i)
		r, err := compileRule(config, trigger)
		if err != nil {
			return nil, warnings, fmt.Errorf("%w (%s)", err, at)
		}
		r.dockerIgnore = ignored
		r.never = ingredients(p, config)
		switch {
		case r.copies() && bindMounted(config, r.path):
			warnings = append(warnings, fmt.Sprintf("path %q is also bind mounted into service %q: it is not synced (%s)", r.path, config.Name, at))
			continue
		case !exists(r.path):
			warnings = append(warnings, fmt.Sprintf("path %q does not exist: it is watched once it does (%s)", r.path, at))
		case ignored.matches(r.path):
			warnings = append(warnings, fmt.Sprintf("path %q is excluded by the .dockerignore of service %q: changes there do nothing (%s)", r.path, config.Name, at))
		}
		svc.rules = append(svc.rules, r)
	}
	return svc, warnings, nil
}

// compileRule checks one entry of develop.watch.
func compileRule(config types.ServiceConfig, t types.Trigger) (*rule, error) {
	r := &rule{action: t.Action, path: resolve(filepath.Clean(t.Path)), hook: t.Exec, initial: t.InitialSync}
	name := config.Name
	switch t.Action {
	case types.WatchActionRebuild:
		if config.Build == nil {
			return nil, fmt.Errorf("can't watch service %q with action rebuild without a build context: add build to it, or choose another action", name)
		}
	case types.WatchActionSyncExec:
		if len(t.Exec.Command) == 0 {
			return nil, fmt.Errorf("can't watch service %q with action sync+exec without a command: add exec.command", name)
		}
	case types.WatchActionRestart, types.WatchActionSync, types.WatchActionSyncRestart:
	default:
		return nil, fmt.Errorf("can't watch service %q with action %q: there are sync, rebuild, restart, sync+restart and sync+exec", name, t.Action)
	}
	if config.Provider != nil {
		return nil, fmt.Errorf("can't watch service %q: a provider runs it, it has no container", name)
	}
	if r.copies() {
		if t.Target == "" {
			return nil, fmt.Errorf("can't watch service %q with action %s without a target: add target, the path in the container", name, t.Action)
		}
		r.target = absoluteTarget(config.WorkingDir, t.Target)
	}
	var err error
	if r.ignore, err = newMatcher(r.path, t.Ignore); err != nil {
		return nil, fmt.Errorf("can't watch service %q: ignore: %w", name, err)
	}
	if r.include, err = newMatcher(r.path, t.Include); err != nil {
		return nil, fmt.Errorf("can't watch service %q: include: %w", name, err)
	}
	return r, nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// absoluteTarget joins a relative target to the service's working directory.
func absoluteTarget(dir, target string) string {
	full := path.Join("/", dir, target)
	if path.IsAbs(target) {
		full = path.Clean(target)
	}
	if strings.HasSuffix(target, "/") && full != "/" {
		full += "/"
	}
	return full
}

// ingredients are the files a service is made from.
func ingredients(p *types.Project, config types.ServiceConfig) map[string]bool {
	out := map[string]bool{}
	for _, f := range p.ComposeFiles {
		if filepath.IsAbs(f) {
			out[resolve(f)] = true
		}
	}
	if config.Build != nil {
		out[dockerfile(config.Build)] = true
	}
	return out
}

// bindMounted tells whether a path is in a folder that the container has mounted.
func bindMounted(config types.ServiceConfig, name string) bool {
	for _, v := range config.Volumes {
		if v.Type == types.VolumeTypeBind && within(resolve(v.Source), name) {
			return true
		}
	}
	return false
}

// copies tells whether the rule puts files into containers.
func (r *rule) copies() bool {
	return r.action == types.WatchActionSync || r.action == types.WatchActionSyncRestart || r.action == types.WatchActionSyncExec
}

// restarts tells whether the rule ends with a restart.
func (r *rule) restarts() bool {
	return r.action == types.WatchActionRestart || r.action == types.WatchActionSyncRestart
}

// accepts tells whether a change of this path is the rule's business.
func (r *rule) accepts(name string) bool {
	rel, ok := relative(r.path, name)
	if !ok {
		return false
	}
	if rel != "." && (isScratch(rel) || r.include != nil && !r.include.matches(name)) {
		return false
	}
	return !r.ignore.matches(name) && !r.dockerIgnore.matches(name) && !(r.copies() && r.never[name])
}

// prunes tells whether nothing in a folder can be the rule's business.
func (r *rule) prunes(dir string) bool {
	rel, ok := relative(r.path, dir)
	if !ok {
		return !within(dir, r.path) // a folder on the way to the path is looked through
	}
	return rel != "." && isScratch(rel) || r.ignore.prunes(dir) || r.dockerIgnore.prunes(dir)
}

// inContainer is where a path of the rule is in containers.
func (r *rule) inContainer(name string, k kind) string {
	rel, _ := relative(r.path, name)
	if rel == "." && k != isFolder && strings.HasSuffix(r.target, "/") {
		rel = filepath.Base(r.path) // a single file, put into a folder
	}
	return path.Join(r.target, rel)
}

// files are what a batch of changes, sorted by path, means in the containers.
func (r *rule) files(batch []change) []File {
	var out []File
	removed := map[string]bool{}
	for _, c := range batch {
		if !r.accepts(c.path) || c.path == r.path && c.before == isFolder {
			continue // a target that is a folder is not removed, only what came from here
		}
		f := File{Source: c.path, Target: r.inContainer(c.path, c.now)}
		switch {
		case f.Target == "/":
			continue
		case c.now != isNothing:
			f.Replace = c.before != isNothing && c.before != c.now
		case r.goneWith(removed, c.path):
			continue
		default:
			f.Gone = true
			removed[c.path] = c.before == isFolder
		}
		out = append(out, f)
	}
	return out
}

// goneWith tells whether a folder above has been removed, and the path with it.
func (r *rule) goneWith(removed map[string]bool, name string) bool {
	for dir := filepath.Dir(name); within(r.path, dir); dir = filepath.Dir(dir) {
		if removed[dir] {
			return true
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return false
}
