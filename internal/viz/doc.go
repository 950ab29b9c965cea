// Package viz draws a project: which service needs which, on what condition, and
// the networks, volumes and ports they have. DOT and Mermaid are for programs that
// draw; Text is a drawing by itself, for terminals.
//
// It is pure: the same project gives the same bytes.
package viz
