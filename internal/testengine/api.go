package testengine

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// Inspect returns the engine's own description of a container, by name or id,
// as decoded JSON. It fails the test if there is no such container.
func Inspect(t testing.TB, name string) map[string]any {
	t.Helper()
	var container map[string]any
	Get(t, "/containers/"+url.PathEscape(name)+"/json", &container)
	return container
}

// Exists reports whether the engine has the object: kind is one of
// "containers", "networks", "volumes" and "images".
func Exists(t testing.TB, kind, name string) bool {
	t.Helper()
	path := "/" + kind + "/" + name
	if kind == "containers" || kind == "images" {
		path += "/json"
	}
	engine := Require(t)
	err := engine.do(t.Context(), http.MethodGet, path, nil, nil)
	if err != nil && !notFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

// List returns the decoded list at path ("/containers/json", "/networks",
// "/images/json"), narrowed by the label selectors ("key" or "key=value").
// Containers that do not run are listed too.
func List(t testing.TB, path string, selectors ...string) []map[string]any {
	t.Helper()
	var list []map[string]any
	Get(t, path+"?"+labelQuery(selectors...), &list)
	return list
}

// Get asks the engine for path and decodes the JSON answer into out, which
// may be nil. A refusal fails the test.
func Get(t testing.TB, path string, out any) {
	t.Helper()
	call(t, http.MethodGet, path, nil, out)
}

// Post sends body (nil for none) as JSON and decodes the answer into out,
// which may be nil. A refusal fails the test.
func Post(t testing.TB, path string, body, out any) {
	t.Helper()
	call(t, http.MethodPost, path, body, out)
}

// Delete removes what path names. A refusal fails the test.
func Delete(t testing.TB, path string) {
	t.Helper()
	call(t, http.MethodDelete, path, nil, nil)
}

// call is Get, Post and Delete.
func call(t testing.TB, method, path string, body, out any) {
	t.Helper()
	engine := Require(t)
	var reader io.Reader
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			t.Fatalf("%s %s: body: %v", method, path, err)
		}
		reader = bytes.NewReader(content)
	}
	if err := engine.do(t.Context(), method, path, reader, out); err != nil {
		t.Fatal(err)
	}
}

// labelQuery is the query string of a list narrowed by labels. `all` only has
// a meaning for containers; the other lists ignore it.
func labelQuery(selectors ...string) string {
	query := url.Values{"all": {"1"}}
	if len(selectors) > 0 {
		filters, err := json.Marshal(map[string][]string{"label": selectors})
		if err != nil {
			panic(err) // a map of strings always encodes
		}
		query.Set("filters", string(filters))
	}
	return query.Encode()
}
