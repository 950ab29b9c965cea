// Package arch holds no code: its tests keep the program in the shape that
// docs/architecture.md describes. They read the source, not the build, so that
// files for other systems count as well.
package arch
