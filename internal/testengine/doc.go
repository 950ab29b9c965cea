// Package testengine gives tests a real Docker Engine and everything they
// need on it, without a registry:
//
//   - [Require] finds the engine, or skips (or fails) the test with a reason;
//   - [Images], [Busybox] and [App] put the test images on it, once per engine;
//   - [Registry] and [PrivateRegistry] run an image registry for one test;
//   - [Project] makes a project name of its own and removes what it left over;
//   - [WatchProject] collects what the engine says happens to a project;
//   - [Inspect], [Get], [Post], [Delete] speak to the engine in raw JSON, so
//     that a test sees what the engine has and not what berth thinks it has;
//   - [Berth], [Run] and [Command] build and run the berth program itself.
//
// It speaks plain HTTP and imports no Docker library: a mistake in berth's
// adapter must not hide itself from the tests. It is for tests only.
package testengine
