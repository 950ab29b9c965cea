// Package remote takes Compose files from elsewhere and puts them there.
//
// Loaders gives the two that -f, include and extends read from: git
// repositories, in the forms that BuildKit knows, by the git program of the
// machine; and artifacts of an image registry (oci://), as `publish` writes
// them. What was fetched is kept by its commit or digest in the user's cache
// folder, so nothing in there ever becomes stale.
//
// Bundle turns the Compose files of a project into the layers of an artifact
// and says what a person should know before they become public; Publish sends
// them to a registry.
//
// The format of the artifact is docker compose's (documented by its media
// types, application/vnd.docker.compose.*), so that each can read what the other
// wrote. Nothing of what a registry or repository says is trusted as a file
// name: everything stays in its folder of the cache.
package remote
