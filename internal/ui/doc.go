// Package ui is the only writer to the terminal: live and plain progress,
// tables and formats, container logs, plans, prompts and errors.
//
// Everything it depends on comes in through a [Terminal]: the streams, whether
// they are terminals, their size, colours and the clock. Its inputs are plain
// values declared here or in internal/engine and pkg/event, so that no other
// package has to know how things look.
//
// While a live view is on the screen, whatever is written to the Out and Err
// of a Terminal made by [Detect] appears above it.
package ui
