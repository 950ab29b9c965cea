// Package build turns the build sections of a Compose project into BuildKit
// solves on the BuildKit that is part of the engine. It needs no builder plugin:
// it speaks to the engine's /grpc and /session end points through connections
// that the caller dials.
//
// All images of one command are built in one session and one progress display;
// independent services are built at the same time, and a folder that several
// services have as their context is sent once. Where the engine has no BuildKit
// the same targets go to a ClassicBuilder.
//
// Targets reads a project; Run builds; Bake prints what would be built.
package build
