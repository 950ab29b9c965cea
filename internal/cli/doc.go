// Package cli is berth's command line: a cobra tree with a file per command,
// each turning its flags and arguments into a request of internal/app and
// nothing else; the settings that COMPOSE_* variables give; the choice of how
// progress is shown; the program's life under signals; and the one table from
// errors to exit codes and hints.
//
// The same tree answers as berth, as docker-compose and as the Docker CLI's
// plugin "compose".
package cli
