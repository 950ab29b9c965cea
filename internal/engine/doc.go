// Package engine holds the values that berth's stages share about a container
// engine: what it has (Container, Network, Volume, Image), what it is asked to
// make (ContainerSpec, NetworkSpec, VolumeSpec), what it reports (Event), and
// the kinds of errors it answers with. It does no I/O. The interfaces through
// which a stage talks to an engine are declared by that stage; the adapter in
// internal/engine/docker and the in-memory engine in
// internal/engine/enginetest both implement every one of them.
package engine
