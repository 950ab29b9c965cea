package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// foreignAnswer is an answer that no engine gave: a proxy did, or something
// else listens at the address.
type foreignAnswer struct{ what string }

func (e *foreignAnswer) Error() string { return e.what }

// shownAnswer bounds how much of a foreign answer is read and told, in bytes.
const shownAnswer = 100

// engineOnly makes errors of the answers that are not an engine's, which the
// client library would take for an engine's words or fail to decode.
type engineOnly struct{ next http.RoundTripper }

// RoundTrip sends a request. An engine names its API version in each answer;
// some, or a proxy that keeps to the API, leave it out but answer in its forms.
func (t engineOnly) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil || response.Header.Get("Api-Version") != "" || response.StatusCode == http.StatusSwitchingProtocols {
		return response, err
	}
	ping := strings.HasSuffix(request.URL.Path, "/_ping")
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case ping && request.Method == http.MethodHead && response.StatusCode >= http.StatusBadRequest && response.StatusCode != http.StatusInternalServerError:
		return response, nil // the client asks again in a way that tells more
	case ping, kind == "text/html", response.StatusCode >= http.StatusMultipleChoices && kind != "application/json":
		what := foreignText(response, kind)
		_ = response.Body.Close() // nobody wants it
		return nil, &foreignAnswer{what}
	}
	return response, nil
}

// foreignText describes an answer by its status, and its words if it has some.
func foreignText(response *http.Response, kind string) string {
	text := response.Status
	if location := response.Header.Get("Location"); location != "" {
		return text + " to " + location
	}
	if kind == "text/html" {
		return text + ", an HTML page"
	}
	// A short answer tells as much as there is of it.
	content, _ := io.ReadAll(io.LimitReader(response.Body, shownAnswer))
	if words := strings.Join(strings.Fields(string(content)), " "); words != "" {
		text += ", " + strconv.Quote(words)
	}
	return text
}

// notAnEngine describes what came in place of an engine's answer; empty if the
// error is none of that.
func notAnEngine(err error) string {
	var foreign *foreignAnswer
	_, sent, garbled := strings.Cut(err.Error(), malformed)
	switch {
	case errors.As(err, &foreign):
		return foreign.what
	case garbled:
		if quoted, err := strconv.QuotedPrefix(sent); err == nil {
			sent = quoted
		}
		return "it is no HTTP, but " + sent
	case isUnreadable(err):
		return "it is not the JSON that was asked for"
	}
	return ""
}

// isUnreadable tells whether decoding an answer failed. Errors that carry more
// words are about other JSON, such as that of a credential helper.
func isUnreadable(err error) bool {
	switch err := err.(type) { //nolint:errorlint // only what the decoder itself says
	case *json.SyntaxError, *json.UnmarshalTypeError:
		return true
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(err.Unwrap(), isUnreadable)
	}
	return false
}

const (
	// malformed is how Go's HTTP introduces an answer that is none.
	malformed = "malformed HTTP response "
	// tlsAlert begins what a TLS server says to a client that does not speak it.
	tlsAlert = `"\x15\x03`
	// httpToHTTPS is what Go's TLS servers answer to such a client.
	httpToHTTPS = "Client sent an HTTP request to an HTTPS server"
)

// wrongTLS says which side speaks TLS alone; empty if neither does.
func wrongTLS(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, httpToHTTPS), strings.Contains(text, malformed+tlsAlert):
		return "it speaks TLS and berth was not told to"
	case strings.Contains(text, "HTTP response to HTTPS"), strings.Contains(text, "does not look like a TLS handshake"):
		return "it does not speak TLS and berth was told to"
	}
	return ""
}

// foreign is the text of an error about an answer that is no engine's.
func (e *Engine) foreign(what string) string {
	return fmt.Sprintf("the answer at %s is not that of a Docker engine: %s; is the address right, and the proxy on the way to it, if there is one?", e.endpoint, what)
}
