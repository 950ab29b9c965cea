package docker

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// pipeEnd fails as a standard output does whose reader has gone.
type pipeEnd struct{}

func (pipeEnd) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

func TestAFailureOfBerthsOwnStreamsIsNotTheEngines(t *testing.T) {
	frame := "\x01\x00\x00\x00\x00\x00\x00\x02hi"
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{
		"GET /containers/abc/logs":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, frame) },
		"POST /containers/abc/attach": hijacked(frame),
		"POST /containers/abc/exec":   reply(201, `{"Id":"x"}`),
		"POST /exec/x/start":          hijacked(frame),
		"POST /build":                 reply(200, `{"stream":"Step 1"}`),
		"PUT /containers/abc/archive": reply(200, ""),
		"POST /images/load":           reply(200, ""),
	})
	ctx := t.Context()
	streams := engine.Streams{Out: pipeEnd{}, Err: pipeEnd{}}
	gone := iotest.ErrReader(syscall.EPIPE)
	for name, request := range map[string]func() error{
		"logs":   func() error { return e.Logs(ctx, "abc", engine.LogOptions{}, pipeEnd{}, pipeEnd{}) },
		"attach": func() error { return e.Attach(ctx, "abc", engine.AttachOptions{}, streams) },
		"exec":   func() error { _, err := e.Exec(ctx, "abc", engine.ExecSpec{}, streams); return err },
		"build": func() error {
			_, err := e.ClassicBuild(ctx, strings.NewReader(""), types.BuildConfig{}, 0, pipeEnd{})
			return err
		},
		"build context": func() error { _, err := e.ClassicBuild(ctx, gone, types.BuildConfig{}, 0, io.Discard); return err },
		"copy":          func() error { return e.CopyTo(ctx, "abc", "/", gone, false) },
		"load":          func() error { return e.LoadImage(ctx, gone) },
	} {
		err := request()
		if !errors.Is(err, syscall.EPIPE) || errors.Is(err, engine.ErrUnreachable) || strings.Contains(err.Error(), "engine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hijacked answers like an engine whose connection becomes a stream.
func hijacked(content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"+content)
	}
}

// cut answers with the beginning of something and closes the connection.
func cut(content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, content)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// abort closes the connection without an answer.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestAnEngineThatClosesTheConnectionIsNamedAndMayHaveBeenStopped(t *testing.T) {
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{
		"GET /events": cut(""), "GET /containers/abc/stats": cut("{}\n"), "POST /containers/abc/wait": cut(""),
		"POST /containers/abc/stop": abort, "DELETE /networks/n": abort, "GET /containers/abc/logs": cut("\x01\x00\x00\x00\x00\x00\x00\x02"),
		"GET /containers/abc/export": cut("tar"), "POST /images/create": cut(`{"status":"Pulling"}`), "GET /containers/abc/archive": cut("tar"),
	})
	ctx := t.Context()
	for name, request := range map[string]func() error{
		"events": func() error {
			stream, err := e.Events(ctx, engine.EventFilter{})
			if err != nil {
				return err
			}
			for range stream.C {
				t.Error("an event")
			}
			return stream.Err()
		},
		"stats":  func() error { return e.Stats(ctx, "abc", true, func(engine.Stats) error { return nil }) },
		"wait":   func() error { _, err := e.WaitContainer(ctx, "abc"); return err },
		"stop":   func() error { return e.StopContainer(ctx, "abc", engine.StopOptions{}) },
		"remove": func() error { return e.RemoveNetwork(ctx, "n") },
		"logs":   func() error { return e.Logs(ctx, "abc", engine.LogOptions{Follow: true}, nil, nil) },
		"export": func() error {
			archive, err := e.Export(ctx, "abc")
			if err == nil {
				_, err = io.Copy(io.Discard, archive)
			}
			return err
		},
		"pull": func() error { return e.PullImage(ctx, "app", engine.PullOptions{}) },
	} {
		err := request()
		want := ": the Docker engine at " + e.Endpoint() + " closed the connection; it may have been stopped or restarted"
		if !errors.Is(err, engine.ErrUnreachable) || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "EOF") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
