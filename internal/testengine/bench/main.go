//go:build linux

// Command bench measures berth as a whole process and prints the results as
// Markdown: start-up, and for projects of several sizes the time, the number of
// engine requests and the longest chain of requests that wait for each other.
// With -compare it measures another tool in turn with berth and gives ratios.
//
//	go run ./internal/testengine/bench [flags]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// settings are the flags.
type settings struct {
	tools []tool
	sizes []int
	runs  int
	delay time.Duration
	log   string
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything and prints the tables.
func run(ctx context.Context) error {
	chosen, err := parse()
	if err != nil {
		return err
	}
	engine, err := testengine.Find(ctx)
	if err != nil {
		return fmt.Errorf("no engine answers: %w", err)
	}
	if err := engine.ProvideApp(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "berth-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Printf("Engine %s, API %s. Medians of %d runs.\n", engine.Version, engine.APIVersion, chosen.runs)
	b := &bench{settings: chosen, engine: engine, dir: dir}
	return errors.Join(b.startup(ctx), b.independent(ctx), b.chain(ctx))
}

// parse reads the flags.
func parse() (settings, error) {
	berth := flag.String("berth", filepath.Join("bin", "berth"), "the berth to measure")
	compare := flag.String("compare", "", "another compose tool to measure in turn, such as \"docker compose\"")
	sizes := flag.String("services", "1,10,50", "how many services the projects have")
	runs := flag.Int("runs", 5, "how often each time is taken")
	delay := flag.Duration("delay", 0, "how long the proxy holds each request up when it looks for the chain; 0 fits it to the project")
	log := flag.String("log", "", "a file for every request of the counted commands")
	flag.Parse()
	path, err := filepath.Abs(*berth)
	if err != nil {
		return settings{}, err
	}
	chosen := settings{tools: []tool{{"berth", []string{path}}}, runs: *runs, delay: *delay, log: *log}
	if *compare != "" {
		chosen.tools = append(chosen.tools, tool{*compare, strings.Fields(*compare)})
	}
	for field := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(field)
		if err != nil {
			return settings{}, fmt.Errorf("-services: %w", err)
		}
		chosen.sizes = append(chosen.sizes, size)
	}
	return chosen, nil
}
