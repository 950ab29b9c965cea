package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// script says how a server behaves over time.
type script struct {
	// healthyAfter and unhealthyAfter are times after the start; 0 is at
	// once, and never.
	healthyAfter, unhealthyAfter time.Duration
	// healthFile must exist for the server to be healthy; empty is none.
	healthFile string
	// drain is how long it goes on serving after SIGTERM.
	drain time.Duration
	// exitAfter ends it with exitCode; 0 is never.
	exitAfter time.Duration
	exitCode  int
}

// server answers these paths:
//
//	/               who it is: host name, $VERSION, number of this request
//	/health         200 or 503
//	/health/on      makes it healthy, whatever the script says
//	/health/off     makes it unhealthy
//	/env?name=N     a variable
//	/file?path=P    a file; POST writes it
//	/log?text=T     writes T to the output
//	/exit?code=C    ends the program
//	/fetch?url=U    what it gets from there, for checks of the network
type server struct {
	script   script
	start    time.Time
	requests atomic.Int64
	// forced is 0 for the script's word, 1 for healthy, -1 for unhealthy.
	forced atomic.Int32
	end    chan int
}

// serve runs the server on $PORT (8080) until SIGTERM or SIGINT.
func serve(args []string) error {
	var script script
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.DurationVar(&script.healthyAfter, "healthy-after", 0, "be unhealthy until then")
	flags.DurationVar(&script.unhealthyAfter, "unhealthy-after", 0, "be unhealthy from then on; 0 is never")
	flags.StringVar(&script.healthFile, "health-file", "", "be healthy only while this file exists")
	flags.DurationVar(&script.drain, "drain", 0, "go on serving for so long after SIGTERM")
	flags.DurationVar(&script.exitAfter, "exit-after", 0, "end then; 0 is never")
	flags.IntVar(&script.exitCode, "code", 1, "exit code of -exit-after")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return newServer(script).run(":" + cmp.Or(os.Getenv("PORT"), "8080"))
}

// healthyAfter is serve with one flag.
func healthyAfter(args []string) error {
	return serve(append([]string{"-healthy-after"}, args...))
}

// newServer starts the clock of the script.
func newServer(script script) *server {
	return &server{script: script, start: time.Now(), end: make(chan int, 1)}
}

// run serves until a signal, /exit or the script ends it.
func (s *server) run(address string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	listening := &http.Server{Addr: address, Handler: s.handler()}
	failed := make(chan error, 1)
	go func() { failed <- listening.ListenAndServe() }()
	fmt.Println("serving on", address)
	var due <-chan time.Time
	if s.script.exitAfter > 0 {
		due = time.After(s.script.exitAfter)
	}
	select {
	case err := <-failed:
		return err
	case code := <-s.end:
		return exitError(code)
	case <-due:
		return exitError(s.script.exitCode)
	case received := <-signals:
		fmt.Println("signal", received)
		time.Sleep(s.script.drain)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return listening.Shutdown(ctx)
	}
}

// handler is the table of paths.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.identity)
	mux.HandleFunc("/health", s.health)
	mux.HandleFunc("/health/on", func(http.ResponseWriter, *http.Request) { s.forced.Store(1) })
	mux.HandleFunc("/health/off", func(http.ResponseWriter, *http.Request) { s.forced.Store(-1) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.FormValue("name"))) })
	mux.HandleFunc("/file", file)
	mux.HandleFunc("/log", func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.FormValue("text")) })
	mux.HandleFunc("/exit", s.exit)
	mux.HandleFunc("/fetch", forward)
	return mux
}

// identity tells which container this is.
func (s *server) identity(w http.ResponseWriter, _ *http.Request) {
	name, err := os.Hostname()
	if err != nil {
		name = err.Error()
	}
	fmt.Fprintf(w, "host %s version %s request %d\n", name, os.Getenv("VERSION"), s.requests.Add(1))
}

// health answers the health check.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if reason := s.unhealthy(time.Since(s.start)); reason != "" {
		http.Error(w, reason, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "healthy")
}

// unhealthy says why the server is not healthy at this age, or "".
func (s *server) unhealthy(age time.Duration) string {
	switch forced := s.forced.Load(); {
	case forced > 0:
		return ""
	case forced < 0:
		return "unhealthy: told so"
	case age < s.script.healthyAfter:
		return "unhealthy: starting"
	case s.script.unhealthyAfter > 0 && age >= s.script.unhealthyAfter:
		return "unhealthy: its time is over"
	}
	if s.script.healthFile != "" {
		if _, err := os.Stat(s.script.healthFile); err != nil {
			return "unhealthy: " + err.Error()
		}
	}
	return ""
}

// exit ends the program after the answer.
func (s *server) exit(_ http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.FormValue("code"))
	if err != nil {
		code = 1
	}
	select {
	case s.end <- code:
	default: // it is ending already
	}
}

// file reads or, on POST, writes the file named by path.
func file(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("path")
	if r.Method != http.MethodPost {
		http.ServeFile(w, r, path)
		return
	}
	content, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// forward answers with what the URL answers.
func forward(w http.ResponseWriter, r *http.Request) {
	text, err := fetch(r.Context(), r.FormValue("url"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, text)
}

// health is the health check of the image.
func health([]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	text, err := fetch(ctx, "http://127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8080")+"/health")
	fmt.Print(text)
	return err
}

// probe asks a URL until it answers as expected or the time is over.
func probe(args []string) error {
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	timeout := flags.Duration("timeout", 10*time.Second, "give up then")
	expect := flags.String("expect", "", "the answer must contain this")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("probe needs a URL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	for {
		text, err := fetch(ctx, flags.Arg(0))
		if err == nil && strings.Contains(text, *expect) {
			fmt.Print(text)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: no such answer within %s; the last: %q, %w", flags.Arg(0), *timeout, text, errors.Join(err, ctx.Err()))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// fetch gets a URL. An answer other than 2xx is an error, with its text.
func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(content), err
}
