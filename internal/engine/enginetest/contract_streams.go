package enginetest

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// logBehaviours are about logs.
func logBehaviours() []Behaviour {
	return []Behaviour{
		{"logs keep stdout and stderr apart, in order", func(s *subject) {
			id := s.run(s.spec("a", "echo one; echo two >&2; echo three"))
			s.reaches(id, engine.Exited)
			out, errout := s.logged(id, engine.LogOptions{})
			equal(s, "stdout", out, "one\nthree\n")
			equal(s, "stderr", errout, "two\n")
		}},
		{"logs carry the time of each line if asked to", func(s *subject) {
			id := s.run(s.spec("a", "echo one"))
			s.reaches(id, engine.Exited)
			out, _ := s.logged(id, engine.LogOptions{Timestamps: true})
			stamp, text, _ := strings.Cut(out, " ")
			at, err := time.Parse(time.RFC3339Nano, stamp)
			s.fine(err)
			equal(s, "line", text, "one\n")
			if since := time.Since(at); since < 0 || since > time.Minute {
				s.Errorf("line of %v", at)
			}
		}},
		{"logs begin where they are asked to", logsBeginWhereAsked},
		{"following logs ends with the run, with all lines", func(s *subject) {
			id := s.run(s.spec("a", "seq 1 500; sleep 1; echo last"))
			out, _ := s.logged(id, engine.LogOptions{Follow: true})
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			if len(lines) != 501 || lines[0] != "1" || lines[499] != "500" || lines[500] != "last" {
				s.Errorf("got %d lines, %q to %q", len(lines), lines[0], lines[len(lines)-1])
			}
		}},
		{"logs of several runs follow each other", func(s *subject) {
			id := s.run(s.spec("a", "echo run"))
			s.reaches(id, engine.Exited)
			s.fine(s.e.StartContainer(s.Context(), id))
			s.eventually("second run", func() bool {
				out, _ := s.logged(id, engine.LogOptions{})
				return out == "run\nrun\n"
			})
		}},
		{"following logs ends with each run, restarted or not", func(s *subject) {
			spec := s.spec("a", "sleep 1; echo run; exit 1")
			spec.Service.Restart = "always"
			id := s.run(spec)
			out, _ := s.logged(id, engine.LogOptions{Follow: true})
			equal(s, "lines", out, "run\n")
		}},
		{"a terminal's output is one stream", func(s *subject) {
			spec := s.spec("a", "echo one; echo two >&2")
			spec.TTY = true
			id := s.run(spec)
			s.reaches(id, engine.Exited)
			out, errout := s.logged(id, engine.LogOptions{TTY: true})
			equal(s, "stdout", out, "one\r\ntwo\r\n")
			equal(s, "stderr", errout, "")
		}},
	}
}

// execBehaviours are about commands executed in containers.
func execBehaviours() []Behaviour {
	return []Behaviour{
		{"an executed command's code and output arrive", func(s *subject) {
			id := s.run(s.sleeper("a"))
			var out, errout bytes.Buffer
			spec := engine.ExecSpec{Cmd: []string{"sh", "-c", "echo $A; echo two >&2; exit 42"}, Env: []string{"A=one"}}
			code, err := s.e.Exec(s.Context(), id, spec, engine.Streams{Out: &out, Err: &errout})
			s.fine(err)
			equal(s, "code", code, 42)
			equal(s, "stdout", out.String(), "one\n")
			equal(s, "stderr", errout.String(), "two\n")
		}},
		{"an executed command reads its input to the end", func(s *subject) {
			id := s.run(s.sleeper("a"))
			input := bytes.Repeat([]byte("0123456789\n"), 20000)
			var out bytes.Buffer
			streams := engine.Streams{In: bytes.NewReader(input), Out: &out}
			code, err := s.e.Exec(s.Context(), id, engine.ExecSpec{Cmd: []string{"cat"}}, streams)
			s.fine(err)
			equal(s, "code", code, 0)
			if !bytes.Equal(out.Bytes(), input) {
				s.Errorf("got %d bytes of %d", out.Len(), len(input))
			}
		}},
		{"a shell runs the commands of its input", func(s *subject) {
			id := s.run(s.sleeper("a"))
			var out bytes.Buffer
			streams := engine.Streams{In: strings.NewReader("echo one\nexit 3\n"), Out: &out}
			code, err := s.e.Exec(s.Context(), id, engine.ExecSpec{Cmd: []string{"sh"}}, streams)
			s.fine(err)
			equal(s, "code", code, 3)
			equal(s, "stdout", out.String(), "one\n")
		}},
		{"a detached command runs on its own", func(s *subject) {
			id := s.run(s.sleeper("a"))
			spec := engine.ExecSpec{Cmd: []string{"sh", "-c", "echo done > /tmp/mark"}, Detach: true}
			code, err := s.e.Exec(s.Context(), id, spec, engine.Streams{})
			s.fine(err)
			equal(s, "code", code, 0)
			s.eventually("mark", func() bool { _, code := s.exec(id, "test -f /tmp/mark"); return code == 0 })
		}},
		{"a command that is not there fails", func(s *subject) {
			id := s.run(s.sleeper("a"))
			code, err := s.e.Exec(s.Context(), id, engine.ExecSpec{Cmd: []string{"berth-no-such-command"}}, engine.Streams{Out: io.Discard})
			if err == nil && code != 126 && code != 127 {
				s.Errorf("code %d", code)
			}
		}},
		{"nothing is executed in a container that does not run", func(s *subject) {
			id := s.create(s.sleeper("a"))
			_, err := s.e.Exec(s.Context(), id, engine.ExecSpec{Cmd: []string{"true"}}, engine.Streams{})
			s.refused(err, engine.ErrConflict, "is not running")
			_, err = s.e.Top(s.Context(), id, nil)
			s.refused(err, nil, "is not running")
		}},
	}
}

// attachBehaviours are about attaching, files and what a container does.
func attachBehaviours() []Behaviour {
	return []Behaviour{
		{"an attached terminal sees the output and gives the input", attachedSeesAll},
		{"copied files are there when the container starts", func(s *subject) {
			id := s.create(s.spec("a", "cat /etc/berth/secret; sleep 1000"))
			file := engine.File{Target: "/etc/berth/secret", Content: []byte("hidden\n"), UID: 12, GID: 34, Mode: 0o440}
			s.fine(s.e.CopyFiles(s.Context(), id, []engine.File{file}))
			s.fine(s.e.StartContainer(s.Context(), id))
			s.says(id, "hidden")
		}},
		{"the processes of a container are listed", func(s *subject) {
			id := s.run(s.sleeper("a"))
			var list engine.ProcessList
			// An engine calls a container started a moment before its process is
			// the one it was asked for.
			for start := time.Now(); time.Since(start) < patience; time.Sleep(10 * time.Millisecond) {
				var err error
				list, err = s.e.Top(s.Context(), id, nil)
				s.fine(err)
				if len(list.Processes) != 1 || list.Processes[0][len(list.Titles)-1] != "runc init" {
					break
				}
			}
			if len(list.Processes) != 1 || len(list.Processes[0]) != len(list.Titles) {
				s.Fatalf("got %+v", list)
			}
			equal(s, "command", list.Processes[0][len(list.Titles)-1], "sleep 1000")
		}},
		{"a sample of the resource use names its container", func(s *subject) {
			id := s.run(s.sleeper("a"))
			var samples []engine.Stats
			s.fine(s.e.Stats(s.Context(), id, false, func(sample engine.Stats) error {
				samples = append(samples, sample)
				return nil
			}))
			if len(samples) != 1 || samples[0].ID != id || samples[0].Name != s.name("a") {
				s.Errorf("got %+v", samples)
			}
		}},
	}
}

func logsBeginWhereAsked(s *subject) {
	id := s.run(s.spec("a", "echo one; sleep 1; echo two; echo three; sleep 1000"))
	s.says(id, "three")
	out, _ := s.logged(id, engine.LogOptions{Tail: "1"})
	equal(s, "the last line", out, "three\n")
	out, _ = s.logged(id, engine.LogOptions{Tail: "all"})
	equal(s, "all lines", out, "one\ntwo\nthree\n")
	stamped, _ := s.logged(id, engine.LogOptions{Timestamps: true})
	stamp, _, _ := strings.Cut(strings.Split(stamped, "\n")[1], " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	s.fine(err)
	out, _ = s.logged(id, engine.LogOptions{Since: unixTime(at)})
	equal(s, "lines since the second one's time", out, "two\nthree\n")
	out, _ = s.logged(id, engine.LogOptions{Until: unixTime(at.Add(-settle))})
	equal(s, "lines until before the second one's time", out, "one\n")
}

func attachedSeesAll(s *subject) {
	spec := s.spec("a", "echo ready; cat; echo bye >&2")
	spec.Interactive = true
	id := s.create(spec)
	in, typing := io.Pipe()
	var out, errout bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		streams := engine.Streams{In: in, Out: &out, Err: &errout}
		ended <- s.e.Attach(s.Context(), id, engine.AttachOptions{Stdin: true}, streams)
	}()
	time.Sleep(settle) // let the attachment stand before the first line
	s.fine(s.e.StartContainer(s.Context(), id))
	_, err := typing.Write([]byte("typed\n"))
	s.fine(err)
	s.fine(typing.Close())
	select {
	case err := <-ended:
		s.fine(err)
	case <-time.After(patience):
		s.Fatal("still attached")
	}
	equal(s, "stdout", out.String(), "ready\ntyped\n")
	equal(s, "stderr", errout.String(), "bye\n")
}
