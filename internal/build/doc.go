// Package build turns the build sections of a Compose project into BuildKit
// solves on the BuildKit that is part of the engine. It needs no builder plugin:
// it speaks to the engine's /grpc and /session end points through connections
// that the caller dials.
//
// All images of one command are built in one progress display and share a
// session, unless they mean different things by one name (see group);
// independent services are built at the same time, and a folder that several
// services have as their context is sent once. For engines before 23 the
// Dockerfile frontend runs in this process (see frontend), so that they build
// what newer ones do. Where the engine has no BuildKit the same targets go to a
// ClassicBuilder.
//
// Targets reads a project; Run builds; Check lints; Bake prints what would be
// built.
package build
