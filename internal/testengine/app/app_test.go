package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHealthFollowsTheScriptOverTime(t *testing.T) {
	server := newServer(script{healthyAfter: 2 * time.Second, unhealthyAfter: 10 * time.Second})
	for age, want := range map[time.Duration]bool{time.Second: false, 3 * time.Second: true, 11 * time.Second: false} {
		if got := server.unhealthy(age) == ""; got != want {
			t.Errorf("healthy at %s: %t, want %t", age, got, want)
		}
	}
}

func TestHealthObeysTheSwitchesBeforeTheScript(t *testing.T) {
	server := newServer(script{})
	handler := server.handler()
	for _, step := range []struct {
		path string
		want int
	}{{"/health", 200}, {"/health/off", 200}, {"/health", 503}, {"/health/on", 200}, {"/health", 200}} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, step.path, nil))
		if recorder.Code != step.want {
			t.Errorf("%s answers %d, want %d", step.path, recorder.Code, step.want)
		}
	}
}

func TestHealthNeedsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "healthy")
	server := newServer(script{healthFile: path})
	if server.unhealthy(0) == "" {
		t.Error("healthy without the file")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if reason := server.unhealthy(0); reason != "" {
		t.Error(reason)
	}
}

func TestExitEndsWithItsCode(t *testing.T) {
	var code exitError
	if err := run([]string{"exit", "42"}); !errors.As(err, &code) || code != 42 {
		t.Errorf("run(exit 42) = %v", err)
	}
}

func TestFlakyFailsOnItsFirstRunsOnly(t *testing.T) {
	state := filepath.Join(t.TempDir(), "runs")
	for run, fails := range []bool{true, true, false, false} {
		err := flaky([]string{"-failures", "2", "-state", state})
		if (err != nil) != fails {
			t.Errorf("run %d: %v, want a failure: %t", run+1, err, fails)
		}
	}
}

func TestProbeNamesTheURLThatNeverAnswers(t *testing.T) {
	unhealthy := httptest.NewServer(http.NotFoundHandler())
	defer unhealthy.Close()
	err := probe([]string{"-timeout", "100ms", unhealthy.URL})
	if err == nil || !strings.Contains(err.Error(), unhealthy.URL) {
		t.Errorf("probe = %v", err)
	}
}

func TestAnUnknownCommandIsAnError(t *testing.T) {
	if err := run([]string{"nonsense"}); err == nil {
		t.Error("no error")
	}
}
