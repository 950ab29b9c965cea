package build

import (
	"strings"

	"github.com/moby/buildkit/client"
)

// setFiles names the job's context and Dockerfile to the frontend.
func (r request) setFiles(j *job) {
	if j.files.filename != "" {
		r.attrs["filename"] = j.files.filename
	}
	if j.dockerfile != "" {
		r.attrs["dockerfilekey"] = j.dockerfile
	}
	if j.files.remote != "" {
		r.attrs[contextName] = j.files.remote
	}
	for name, value := range j.target.Build.AdditionalContexts {
		r.attrs["context:"+name] = namedContext(j, value)
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

// export puts the image into the engine's image store under the target's names.
func (r request) export(j *job) client.ExportEntry {
	return client.ExportEntry{Type: "moby", Attrs: map[string]string{"name": strings.Join(j.target.Tags, ",")}}
}
