// Package logs reads what containers write: it prints the past of several
// containers merged by time, and follows them through restarts, recreation
// and scaling. It gives lines to a [Sink] and writes to no terminal itself.
//
// Following loses no line, repeats none and tears none. One engine event
// stream tells when containers appear, start and stop; for each container one
// log stream is open while it runs. The engine ends a log stream when the
// container stops, so a follower keeps a cursor, the stamps of the last
// messages it delivered, reopens the stream from there, and drops what it
// has delivered already. Starting a stream from the moment the engine says
// that the container started would lose lines: processes write before that
// moment is stamped.
//
// Nothing queues: a sink that does not return holds back the engine, and
// memory stays the same whatever the volume. Nothing polls: a container that
// writes nothing costs nothing.
package logs
