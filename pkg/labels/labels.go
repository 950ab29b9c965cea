// Package labels names the labels by which Compose projects are recognised on
// an engine. The com.docker.compose.* keys are docker compose's, so that both
// tools see each other's projects; the dev.berth.* keys are berth's own.
package labels

import "strconv"

// Keys that docker compose and berth both write and read.
const (
	Project         = "com.docker.compose.project"
	Service         = "com.docker.compose.service"
	Number          = "com.docker.compose.container-number"
	OneOff          = "com.docker.compose.oneoff"
	ConfigHash      = "com.docker.compose.config-hash"
	Image           = "com.docker.compose.image"
	DependsOn       = "com.docker.compose.depends_on"
	Version         = "com.docker.compose.version"
	ConfigFiles     = "com.docker.compose.project.config_files"
	WorkingDir      = "com.docker.compose.project.working_dir"
	EnvironmentFile = "com.docker.compose.project.environment_file"
	Slug            = "com.docker.compose.slug"
	Replace         = "com.docker.compose.replace"
	Hook            = "com.docker.compose.hook"
	Network         = "com.docker.compose.network"
	Volume          = "com.docker.compose.volume"
)

// Keys of berth alone.
const (
	// Spec holds the canonical effective service spec, compressed.
	Spec = "dev.berth.spec"
	// Revision counts the changes of a project: a container has the number of the
	// one that made it what it is. History holds, compressed, what the service's
	// containers were made from before.
	Revision = "dev.berth.revision"
	History  = "dev.berth.history"
	// Anonymous lists, comma-separated, the anonymous volumes a container
	// inherited from the one it replaced: the engine sees them as named.
	Anonymous = "dev.berth.anonymous-volumes"
	// Parents lists, comma-separated, the containers whose namespaces or volumes
	// a container was given, as service=ID.
	Parents = "dev.berth.parents"
	// MountedImages lists, comma-separated and sorted, the images that a container
	// has mounted, as target=ID.
	MountedImages = "dev.berth.mounted-images"
)

// Values of OneOff.
const (
	True  = "True"
	False = "False"
)

// IsOneOff tells whether the labels are those of a `run` container.
func IsOneOff(l map[string]string) bool { return l[OneOff] == True }

// IsHook tells whether the labels are those of a pre_start hook container.
func IsHook(l map[string]string) bool { return l[Hook] != "" }

// ReplicaNumber is the container's number within its service; 0 when the label
// is missing or no number.
func ReplicaNumber(l map[string]string) int {
	n, err := strconv.Atoi(l[Number])
	if err != nil || n < 0 {
		return 0
	}
	return n
}
