// Command quickstart is all four services of berth's example project, chosen
// by its first argument, and the health check and the probe beside them.
//
//	quickstart store             keeps keys and values in /data
//	quickstart migrate           prepares the store and ends
//	quickstart api               the guest book over the store
//	quickstart web               the front over the API
//	quickstart healthcheck       exit 0 if the service on this machine is healthy
//	quickstart probe URL [TEXT]  print what the URL answers; with TEXT, wait for it
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// address is where every service listens inside its container.
const address = ":8080"

// probeTimeout is how long probe waits for an answer.
const probeTimeout = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run does what the first argument names.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say which service: store, migrate, api, web, healthcheck, probe URL")
	}
	switch args[0] {
	case "store":
		store, err := openStore(cmp.Or(os.Getenv("DATA_DIR"), "/data"))
		if err != nil {
			return err
		}
		return errors.Join(listen(ctx, store.handler()), store.close())
	case "migrate":
		return migrate(ctx, client{base: os.Getenv("STORE_URL")})
	case "api":
		return listen(ctx, newAPI(client{base: os.Getenv("STORE_URL")}).handler())
	case "web":
		return listen(ctx, newWeb(client{base: os.Getenv("API_URL")}).handler())
	case "healthcheck":
		_, err := client{base: "http://127.0.0.1" + address}.get(ctx, "/health")
		return err
	case "probe":
		return probe(ctx, args[1:])
	}
	return fmt.Errorf("there is no service %q", args[0])
}

// listen serves until the context ends, then lets requests in flight finish.
func listen(ctx context.Context, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	fmt.Println("version", os.Getenv("VERSION"), "listens on", address)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Println("stopping")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// probe prints what a URL answers, once it answers and contains the text.
func probe(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("probe needs a URL")
	}
	text := strings.Join(args[1:], " ")
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for {
		answer, err := client{base: args[0]}.get(ctx, "")
		if err == nil && strings.Contains(answer, text) {
			fmt.Print(answer)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no such answer from %s within %s: %q: %w", args[0], probeTimeout, answer, errors.Join(err, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
