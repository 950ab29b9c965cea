// Command app is the program in the test images: a server with a health that
// can be scripted, and small commands that end, crash, write or wait as a test
// needs it. It has no dependency, so that it builds into an empty image.
//
//	app serve [flags]            an HTTP server, see serve.go
//	app health                   exit 0 if the server on $PORT is healthy
//	app probe [flags] URL        ask until it answers
//	app lines [flags] N          write N numbered lines
//	app exit CODE                end at once
//	app sleep DURATION|forever   end after a while; signals end it at once
//	app trap [flags]             write each signal's name
//	app crashloop [flags]        end with an error after a while, every time
//	app flaky [flags]            fail on the first runs, then succeed
//	app healthy-after DURATION   serve, healthy only after that time
//	app write FILE TEXT          write a file
//	app read FILE                copy a file to the output
//	app env [NAME]               the environment, or one variable
//	app args ...                 its arguments, one per line, quoted
//	app cat                      copy the input to the output
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exitError ends the program with a code and without a message.
type exitError int

// Error names the code.
func (e exitError) Error() string { return "exit code " + strconv.Itoa(int(e)) }

func main() {
	err := run(os.Args[1:])
	var code exitError
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

// command does one thing with its arguments.
type command func(args []string) error

// commands are all that the program can do, by name.
func commands() map[string]command {
	return map[string]command{
		"serve":         serve,
		"health":        health,
		"probe":         probe,
		"lines":         lines,
		"exit":          exit,
		"sleep":         sleep,
		"trap":          trap,
		"crashloop":     crashloop,
		"flaky":         flaky,
		"healthy-after": healthyAfter,
		"write":         writeFile,
		"read":          readFile,
		"env":           environment,
		"args":          arguments,
		"cat":           cat,
	}
}

// run picks the command; without one it serves.
func run(args []string) error {
	if len(args) == 0 {
		args = []string{"serve"}
	}
	chosen, ok := commands()[args[0]]
	if !ok {
		return fmt.Errorf("no command %q; see the package comment of internal/testengine/app", args[0])
	}
	return chosen(args[1:])
}

// exit ends with the code in its argument.
func exit(args []string) error {
	if len(args) != 1 {
		return errors.New("exit needs a code")
	}
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return exitError(code)
}

// writeFile writes its second argument into the file of the first.
func writeFile(args []string) error {
	if len(args) != 2 {
		return errors.New("write needs a file and a text")
	}
	return os.WriteFile(args[0], []byte(args[1]), 0o644)
}

// readFile copies a file to the output.
func readFile(args []string) error {
	if len(args) != 1 {
		return errors.New("read needs a file")
	}
	content, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content)
	return err
}

// environment prints the variables sorted, or one variable's value; one that
// is not set ends with code 1.
func environment(args []string) error {
	if len(args) == 0 {
		variables := os.Environ()
		slices.Sort(variables)
		fmt.Println(strings.Join(variables, "\n"))
		return nil
	}
	value, ok := os.LookupEnv(args[0])
	if !ok {
		return exitError(1)
	}
	fmt.Println(value)
	return nil
}

// arguments prints what it was given.
func arguments(args []string) error {
	for _, arg := range args {
		fmt.Printf("%q\n", arg)
	}
	return nil
}

// cat copies the input to the output, bytes as they are.
func cat([]string) error {
	_, err := io.Copy(os.Stdout, os.Stdin)
	return err
}

// sleep waits; "forever" is until a signal comes.
func sleep(args []string) error {
	if len(args) != 1 {
		return errors.New("sleep needs a duration or forever")
	}
	if args[0] == "forever" {
		waitForEnd(nil)
		return nil
	}
	duration, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	waitForEnd(time.After(duration))
	return nil
}
