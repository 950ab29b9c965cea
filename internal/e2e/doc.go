// Package e2e holds tests of the built binary on a real engine: what a person
// at a terminal, and a script, sees of the commands that stay attached to
// containers. It has no other code.
package e2e
