package build

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/berth-dev/berth/pkg/event"
)

func TestTerminalShowsOneDisplayForAllBuilds(t *testing.T) {
	near, far, err := pty.Open()
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	defer near.Close()
	if err := pty.Setsize(near, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	output := make(chan string)
	go func() {
		text, _ := io.ReadAll(near) // ends with an error when the other end closes
		output <- string(text)
	}()
	_, err = Run(t.Context(), newHijacker(t), []Target{
		single(t, "tty-one", busybox+"COPY Dockerfile /one\n"), single(t, "tty-two", busybox+"COPY Dockerfile /two\n"),
	}, Options{Display: Display{Mode: "auto", Out: far}})
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	expect(t, <-output, "[+] Building", "FINISHED", "[tty-one 2/2] COPY Dockerfile /one", "[tty-two 2/2] COPY Dockerfile /two")
}

func TestJSONModeSendsStepsAndOutputToTheSink(t *testing.T) {
	var events event.Recorder
	o := thisEngine(t)
	o.Sink, o.NoCache, o.Display.Mode = &events, true, "json"
	shown := built(t, o, single(t, "json", busybox+"RUN echo one; echo two\n"))
	if shown != "" {
		t.Errorf("the display got %q", shown)
	}
	var texts []string
	for _, e := range events.Events() {
		if e.Kind == event.KindOutput && e.Service == "json" {
			texts = append(texts, e.Text)
		}
	}
	for _, want := range []string{"[json 2/2] RUN echo one; echo two", "one", "two"} {
		if !slices.Contains(texts, want) {
			t.Errorf("%q is not among %q", want, texts)
		}
	}
}

func TestUnknownDisplayIsRefused(t *testing.T) {
	_, _, err := run(t, Options{Display: Display{Mode: "fancy"}}, single(t, "fancy", busybox))
	if err == nil || !strings.HasPrefix(err.Error(), "build progress: ") {
		t.Errorf("error is %v", err)
	}
}

func TestFileThatIsIgnoredIsNamedAsSuch(t *testing.T) {
	wanted := single(t, "ignored", busybox+"COPY data /\n", "data", "x", ".dockerignore", "data\n")
	_, _, err := run(t, thisEngine(t), wanted)
	// Newer BuildKits name the layer before the file.
	want := regexp.MustCompile(`^build ignored: Dockerfile:2: .*"/data":? not found: it is in the folder, but \.dockerignore leaves it out$`)
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("error is %v", err)
	}
}

func TestEntitlementThatIsNotGrantedSaysWhereToAllowIt(t *testing.T) {
	wanted := single(t, "privileged", busybox)
	wanted.Build.Privileged = true
	_, _, err := run(t, thisEngine(t), wanted)
	if err != nil && !strings.Contains(err.Error(), "builder.Entitlements in the engine's daemon.json") {
		t.Errorf("error is %v", err)
	}
}
