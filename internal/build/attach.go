package build

import (
	"path"
	"strings"
)

// setFiles names the job's context and Dockerfile to the frontend.
func (r request) setFiles(j *job, o Options) {
	if j.files.filename != "" {
		r.attrs["filename"] = j.files.filename
	}
	if j.dockerfile != "" {
		r.attrs["dockerfilekey"] = j.dockerfile
	}
	if j.files.remote != "" {
		r.attrs[contextName] = j.files.remote
	}
	if o.lacks(modernFrontend) {
		r.splitSubfolder(j)
	}
	for name, value := range j.target.Build.AdditionalContexts {
		r.attrs["context:"+name] = namedContext(j, value)
	}
}

// splitSubfolder takes the folder out of a "repository#branch:folder" context,
// for engines whose git source has no such thing.
func (r request) splitSubfolder(j *job) {
	repository, fragment, _ := strings.Cut(j.files.remote, "#")
	branch, folder, ok := strings.Cut(fragment, ":")
	if !ok || folder == "" {
		return
	}
	r.attrs[contextName] = repository
	if branch != "" {
		r.attrs[contextName] += "#" + branch
	}
	r.attrs["contextsubdir"] = folder
	if j.dockerfile == "" {
		r.attrs["filename"] = path.Join(folder, either(j.files.filename, "Dockerfile"))
	}
}

// namedContext is an additional context in the frontend's words.
func namedContext(j *job, value string) string {
	if service, ok := strings.CutPrefix(value, servicePrefix); ok {
		for _, needed := range j.needs {
			for _, name := range needed.services {
				if name == service {
					return "docker-image://" + familiar(needed.target.Tags[0])
				}
			}
		}
	}
	if isFolder(value) {
		return "local:" + localName("context", value)
	}
	return value
}

// isFolder tells whether an additional context is a local folder.
func isFolder(value string) bool {
	return !isRemote(value) && !strings.HasPrefix(value, servicePrefix) && !strings.Contains(value, "://")
}
