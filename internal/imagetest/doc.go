// Package imagetest holds tests of the built binary's work on images: builds,
// pulls and pushes with a real engine and a real registry on this machine, also
// one that fails now and then. It has no other code.
package imagetest
