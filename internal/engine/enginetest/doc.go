// Package enginetest is a container engine that lives in memory, for tests.
//
// [New] makes one. It has the whole method set of the adapter in
// internal/engine/docker and behaves as the engine behind that one does: the
// same refusals in the same words, unique names and IDs, ports that can be
// taken, volumes that keep what was written into them, events, health checks,
// restart policies. [Contract] is the suite that holds both to that: it runs
// on this engine and, through the adapter, on a real daemon.
//
// What containers do is told by a [Script] per service, image or container
// name, or else by their command, of which a small shell is understood (see
// [Script]). Time passes through the time package alone, so a test in a
// testing/synctest bubble waits for nothing; every goroutine ends with
// [Engine.Close].
//
// Every request is recorded ([Engine.Calls], [Engine.LongestChain]) and can be
// made to fail before or after it took effect ([Engine.FailOn],
// [Engine.FailAfter]), from some request on ([Engine.KillAt]), or altogether
// ([Engine.Unreachable]).
package enginetest
