// Package docker is berth's adapter to the Docker Engine API and the only
// package that imports a Docker library. It does three things:
//
//   - it finds the engine as the Docker CLI does (contexts, DOCKER_HOST, TLS,
//     ssh) and keeps one connection pool to it (connect.go);
//   - it translates: Compose values to engine requests in pure functions
//     (convert_*.go), engine answers to values of package engine, and every
//     client error to an engine.Error of one line (errors.go);
//   - it compares an existing container with the request berth would make, so
//     that a project of docker compose is taken over without recreating
//     anything (compare_*.go).
//
// The spoken API is negotiated between 1.41 (Docker 20.10) and the newest
// version the client knows. What an older engine lacks is listed by
// [Unsupported] as data.
package docker
