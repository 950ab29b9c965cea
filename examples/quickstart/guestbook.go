package main

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"os"
	"strings"
)

// schema is the form of the data that this program reads and writes.
const schema = "1"

// migrate brings the store to the schema; a second run changes nothing.
func migrate(ctx context.Context, store client) error {
	keys, err := store.get(ctx, "/keys?prefix=schema")
	if err != nil {
		return err
	}
	if strings.TrimSpace(keys) == "schema" {
		fmt.Println("the store is prepared already")
		return nil
	}
	if _, err := store.ask(ctx, http.MethodPut, "/keys/visits", "0"); err != nil {
		return err
	}
	// Last, so that a migration that was cut short runs again.
	if _, err := store.ask(ctx, http.MethodPut, "/keys/schema", schema); err != nil {
		return err
	}
	fmt.Println("prepared the store: schema", schema)
	return nil
}

// api is the guest book: it counts visits and says who answered.
type api struct {
	store client
}

// newAPI makes the API over a store.
func newAPI(store client) *api { return &api{store: store} }

// handler is the API over HTTP: POST /visits and GET /health.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", a.health)
	mux.HandleFunc("POST /visits", a.visit)
	return mux
}

// health is good when the store answers and has this program's schema.
func (a *api) health(w http.ResponseWriter, r *http.Request) {
	found, err := a.store.get(r.Context(), "/keys/schema")
	if err == nil && found != schema {
		err = fmt.Errorf("the store has schema %s, this program needs %s", found, schema)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "healthy")
}

// visit counts one.
func (a *api) visit(w http.ResponseWriter, r *http.Request) {
	number, err := a.store.ask(r.Context(), http.MethodPost, "/increment/visits", "")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	name, err := os.Hostname()
	if err != nil {
		name = "a container without a name"
	}
	fmt.Printf("visit %s\n", number)
	fmt.Fprintf(w, "visit %s, counted by api %s of version %s", number, name, os.Getenv("VERSION"))
}

// web is the front.
type web struct {
	api  client
	page *template.Template
}

// newWeb makes the front over an API.
func newWeb(api client) *web {
	const page = "<!doctype html>\n<title>berth quickstart</title>\n<h1>It works.</h1>\n<p>{{.}}</p>\n"
	return &web{api: api, page: template.Must(template.New("page").Parse(page))}
}

// handler is the front over HTTP: the page at /, plain text at /visits.
func (w *web) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", w.health)
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, r *http.Request) { w.visit(out, r, w.page.Execute) })
	mux.HandleFunc("GET /visits", func(out http.ResponseWriter, r *http.Request) { w.visit(out, r, plain) })
	return mux
}

// health is good when the API is healthy.
func (w *web) health(out http.ResponseWriter, r *http.Request) {
	if _, err := w.api.get(r.Context(), "/health"); err != nil {
		http.Error(out, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(out, "healthy")
}

// visit has the API count and shows its answer.
func (w *web) visit(out http.ResponseWriter, r *http.Request, show func(io.Writer, any) error) {
	answer, err := w.api.ask(r.Context(), http.MethodPost, "/visits", "")
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	if err := show(out, answer); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart: web:", err) // the visitor has left
	}
}

// plain shows the answer as a line of text.
func plain(out io.Writer, answer any) error {
	_, err := fmt.Fprintln(out, answer)
	return err
}
