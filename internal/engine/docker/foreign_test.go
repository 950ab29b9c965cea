package docker

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/engine"
)

// newListener is something at an address that answers each request with these bytes.
func newListener(t *testing.T, answer string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				head, _, _ := strings.Cut(answer, "\r\n\r\n")
				if request.Method == http.MethodHead && head != answer {
					answer := head + "\r\n\r\n"
					_, _ = io.WriteString(conn, answer)
					return
				}
				_, _ = io.WriteString(conn, answer)
			}()
		}
	}()
	return "tcp://" + listener.Addr().String()
}

// page is an HTTP answer with a body of this type.
func page(status, kind, body string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Type: " + kind + "\r\nConnection: close\r\n\r\n" + body
}

func TestWhatIsNoEnginesAnswerIsOneLineWithTheAddressAndWhatCameBack(t *testing.T) {
	const html = "<html>\n<head><title>502 Bad Gateway</title></head></html>\n"
	for _, test := range []struct{ answer, want, pinned string }{
		{page("502 Bad Gateway", "text/html", html), "502 Bad Gateway, an HTML page", ""},
		{page("200 OK", "text/html", html), "200 OK, an HTML page", ""},
		{page("404 Not Found", "text/plain; charset=utf-8", "404 page\nnot found\n"), `404 Not Found, "404 page not found"`, ""},
		{page("200 OK", "application/json", `{"a":1}`), "200 OK", "it is not the JSON that was asked for"},
		{page("200 OK", "application/json", "garbage"), "200 OK", "it is not the JSON that was asked for"},
		{"HTTP/1.1 302 Found\r\nLocation: http://h.test/login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "302 Found to http://h.test/login", ""},
		{"SSH-2.0-OpenSSH_9\r\n", `it is no HTTP, but "SSH-2.0-OpenSSH_9"`, ""},
	} {
		host := newListener(t, test.answer)
		if test.pinned == "" {
			test.pinned = test.want
		}
		for version, want := range map[string]string{"": test.want, "1.41": test.pinned} {
			environ := func(name string) string { return map[string]string{"DOCKER_API_VERSION": version}[name] }
			e, err := New(Options{Host: host, ConfigDir: t.TempDir(), Environ: environ})
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.Containers(t.Context(), engine.ContainerFilter{Project: "demo"})
			begin := "list containers: the answer at " + host + " is not that of a Docker engine: " + want + ";"
			if !errors.Is(err, engine.ErrUnreachable) || !strings.HasPrefix(err.Error(), begin) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %s", err, begin)
			}
		}
	}
}

func TestAServerSpokenToInTheWrongWayAsksForTLSToBeSetRight(t *testing.T) {
	for _, answer := range []string{
		page("400 Bad Request", "text/plain", "Client sent an HTTP request to an HTTPS server.\n"),
		"\x15\x03\x01\x00\x02\x02\x16",
	} {
		host := newListener(t, answer)
		e, err := New(Options{Host: host, ConfigDir: t.TempDir(), Environ: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Info(t.Context())
		want := "ask for the version: cannot reach the Docker engine at " + host +
			": it speaks TLS and berth was not told to; do both sides agree on TLS? (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)"
		if !errors.Is(err, engine.ErrUnreachable) || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}
