// Package watch keeps running services in step with files on this machine: it
// carries out the rules of `develop.watch` (Compose Develop Specification). It
// watches the rules' paths, gathers changes until the files have been quiet for
// a moment, and asks a Target for what the rules say: to copy, to rebuild, to
// restart, to run a command. What a container engine is it does not know.
package watch
