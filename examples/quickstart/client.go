package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// client asks the service at base, such as http://store:8080.
type client struct {
	base string
}

// get returns the text at path.
func (c client) get(ctx context.Context, path string) (string, error) {
	return c.ask(ctx, http.MethodGet, path, "")
}

// ask sends one request and returns the answer's text. A status other than
// 2xx is an error that names the URL.
func (c client) ask(ctx context.Context, method, path, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	text := string(content)
	if response.StatusCode/100 != 2 {
		return text, fmt.Errorf("%s %s: %s: %s", method, c.base+path, response.Status, strings.TrimSpace(text))
	}
	return text, nil
}
