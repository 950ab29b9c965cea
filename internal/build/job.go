package build

import (
	"fmt"
	"slices"

	digest "github.com/opencontainers/go-digest"
)

// job is one solve. Targets that ask for the same image share a job.
type job struct {
	target   Target
	services []string // those that get the result
	files    buildFiles
	needs    []*job
	group    *group
	// context and dockerfile are the names under which the group offers the
	// job's folders; empty for those it does not.
	context    string
	dockerfile string
	// failed is the step that failed first, as far as the engine told.
	failed   digest.Digest
	steps    map[digest.Digest]digest.Digest // see ownStep
	findings []Finding                       // of Check
	done     chan struct{}                   // closed when result is set
	result   Result
}

// newJobs makes the jobs of targets, with their files looked up and their
// dependencies linked.
func newJobs(targets []Target, o Options) ([]*job, error) {
	if err := checkStdin(targets); err != nil {
		return nil, err
	}
	var jobs []*job
	byService := map[string]*job{}
	for _, target := range targets {
		if same := slices.IndexFunc(jobs, func(j *job) bool { return sameImage(j.target, target) }); same >= 0 {
			jobs[same].services = append(jobs[same].services, target.Service)
			byService[target.Service] = jobs[same]
			continue
		}
		j := &job{target: target, services: []string{target.Service}, done: make(chan struct{})}
		var err error
		if j.files, err = findFiles(target, o.Stdin); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
		byService[target.Service] = j
	}
	for _, j := range jobs {
		for _, service := range j.target.DependsOn {
			needed, ok := byService[service]
			if !ok {
				return nil, fmt.Errorf("services.%s.build.additional_contexts: service %q is not among those to build", j.target.Service, service)
			}
			j.needs = append(j.needs, needed)
		}
	}
	linkBases(jobs)
	return jobs, nil
}

// checkStdin refuses a second reader of standard input.
func checkStdin(targets []Target) error {
	var reader *Target
	for i, target := range targets {
		switch {
		case target.Build.Context != stdinContext:
		case reader == nil:
			reader = &targets[i]
		case !sameImage(target, *reader):
			return fmt.Errorf("services.%s.build.context: standard input is already the context of %s", target.Service, reader.Service)
		}
	}
	return nil
}

// linkBases makes a job wait for those whose images its Dockerfile names, so
// that an image may stand on another one of the project. Where that would close
// a circle the names are taken to be images from elsewhere.
func linkBases(jobs []*job) {
	byTag := map[string]*job{}
	for _, j := range jobs {
		for _, tag := range j.target.Tags {
			byTag[familiar(tag)] = j
		}
	}
	for _, j := range jobs {
		for _, ref := range baseImages(j.files.dockerfile) {
			base := byTag[familiar(ref)]
			if base == nil || base == j || slices.Contains(j.needs, base) || reaches(base, j) {
				continue
			}
			j.needs = append(j.needs, base)
		}
	}
}

// reaches tells whether from needs to, over any number of steps.
func reaches(from, to *job) bool {
	return from == to || slices.ContainsFunc(from.needs, func(j *job) bool { return reaches(j, to) })
}
