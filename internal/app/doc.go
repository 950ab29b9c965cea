// Package app holds berth's use-cases, a file per verb. Each runs the stages in
// order (project, desired, actual, plan, execute), asks for consent through an
// injected prompt and returns its result; it prints nothing. What happens on
// the way is told through an event.Sink.
package app
