package remote

// The format of a Compose project in a registry, which is docker compose's: an
// OCI image manifest whose layers are files. OCI 1.1 says by the artifact type
// what it is; before that the media type of the (empty) configuration did.
const (
	projectType      = "application/vnd.docker.compose.project"
	emptyConfigType  = "application/vnd.docker.compose.config.empty.v1+json"
	composeFileType  = "application/vnd.docker.compose.file+yaml"
	envFileType      = "application/vnd.docker.compose.envfile"
	versionNote      = "com.docker.compose.version"
	composeFileNote  = "com.docker.compose.file"
	extendsNote      = "com.docker.compose.extends" // a file that others extend, and no part of the model itself
	envFileNote      = "com.docker.compose.envfile"
	ociPrefix        = "oci://"
	mainFile         = "compose.yaml" // what a project's own files become when it is fetched
	digestsFile      = "image-digests.yaml"
	maxLayers        = 1000
	maxArtifactBytes = 32 << 20
)

// Layer is one file of an artifact.
type Layer struct {
	MediaType   string
	Annotations map[string]string
	Content     []byte
}

func composeLayer(version, name string, content []byte) Layer {
	return Layer{MediaType: composeFileType, Content: content, Annotations: map[string]string{
		versionNote: version, composeFileNote: name,
	}}
}

func extendsLayer(version, name string, content []byte) Layer {
	layer := composeLayer(version, name, content)
	layer.Annotations[extendsNote] = "true"
	return layer
}

func envLayer(version, name string, content []byte) Layer {
	return Layer{MediaType: envFileType, Content: content, Annotations: map[string]string{
		versionNote: version, envFileNote: name,
	}}
}
