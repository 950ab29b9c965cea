package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// waitForEnd returns when the time has come or a signal asks to end.
func waitForEnd(due <-chan time.Time) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	select {
	case <-due:
	case <-signals:
	}
}

// lines writes numbered lines: "PREFIX 1", "PREFIX 2" and so on, to the
// output, every -stderr-every'th one to the error output instead.
func lines(args []string) error {
	flags := flag.NewFlagSet("lines", flag.ContinueOnError)
	prefix := flags.String("prefix", "line", "what each line starts with")
	every := flags.Int("stderr-every", 0, "write each N'th line to stderr; 0 is none")
	interval := flags.Duration("interval", 0, "pause after each line")
	stay := flags.Bool("stay", false, "wait for a signal at the end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	count, err := strconv.Atoi(flags.Arg(0))
	if err != nil {
		return fmt.Errorf("lines needs a number: %w", err)
	}
	out, errOut := bufio.NewWriter(os.Stdout), bufio.NewWriter(os.Stderr)
	for number := 1; number <= count; number++ {
		target := out
		if *every > 0 && number%*every == 0 {
			target = errOut
		}
		fmt.Fprintf(target, "%s %d\n", *prefix, number)
		if *interval > 0 {
			if err := errors.Join(out.Flush(), errOut.Flush()); err != nil {
				return err
			}
			time.Sleep(*interval)
		}
	}
	if err := errors.Join(out.Flush(), errOut.Flush()); err != nil {
		return err
	}
	if *stay {
		waitForEnd(nil)
	}
	return nil
}

// trap writes "ready", then "signal NAME" for each signal that comes, and
// ends at the one named by -exit-on. With -exit-on none only SIGKILL ends it.
func trap(args []string) error {
	flags := flag.NewFlagSet("trap", flag.ContinueOnError)
	exitOn := flags.String("exit-on", "terminated", "name of the signal that ends it, as Go prints it; none for no signal")
	code := flags.Int("code", 0, "exit code then")
	delay := flags.Duration("delay", 0, "time between the signal and the end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals)
	fmt.Println("ready")
	for received := range signals {
		if received.String() == "urgent I/O condition" {
			continue // Go's scheduler sends itself this one (SIGURG)
		}
		fmt.Println("signal", received)
		if received.String() == *exitOn {
			time.Sleep(*delay)
			return exitError(*code)
		}
	}
	return nil
}

// crashloop runs for a while and ends with an error.
func crashloop(args []string) error {
	flags := flag.NewFlagSet("crashloop", flag.ContinueOnError)
	after := flags.Duration("after", 100*time.Millisecond, "how long it lives")
	code := flags.Int("code", 1, "exit code")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Println("starting")
	waitForEnd(time.After(*after))
	fmt.Fprintln(os.Stderr, "crashing")
	return exitError(*code)
}

// flaky fails on its first runs and succeeds then. It counts in a file, which
// a restarted container still has.
func flaky(args []string) error {
	flags := flag.NewFlagSet("flaky", flag.ContinueOnError)
	failures := flags.Int("failures", 2, "how many runs fail")
	state := flags.String("state", "/tmp/runs", "the file that counts the runs")
	code := flags.Int("code", 1, "exit code of a failing run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runs := 0
	content, err := os.ReadFile(*state)
	if err == nil {
		runs, err = strconv.Atoi(string(content))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	runs++
	if err := os.WriteFile(*state, []byte(strconv.Itoa(runs)), 0o644); err != nil {
		return err
	}
	fmt.Println("run", runs)
	if runs <= *failures {
		return exitError(*code)
	}
	return nil
}
