package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"
)

const (
	// stampLayout is RFC 3339 with all nine digits, as the engine writes it.
	stampLayout = "2006-01-02T15:04:05.000000000Z07:00"
	// sinkBuffer is how much a file or pipe gets at once, in bytes.
	sinkBuffer = 64 << 10
)

// record is the JSON form of a line.
type record struct {
	Time      string `json:"time"`
	Service   string `json:"service"`
	Container string `json:"container"`
	Number    int    `json:"number"`
	Stream    Stream `json:"stream"`
	Message   string `json:"message"`
	// Base64 has the exact bytes of a message that is not UTF-8, in which
	// Message shows U+FFFD for what is wrong.
	Base64  []byte `json:"message_base64,omitempty"`
	Partial bool   `json:"partial,omitempty"`
}

// jsonSink writes records.
type jsonSink struct {
	w       *bufio.Writer
	encoder *json.Encoder
}

// JSON is a sink that writes one object per line: time (RFC 3339, UTC, nine
// digits), service, container, number, stream and message. A message that is
// not valid UTF-8 comes twice: in message with U+FFFD in place of what is not,
// and in message_base64 byte by byte. A piece of a line over 4 MiB has
// "partial": true. Notes are left out: every object is a line. It buffers; see
// [Flusher].
func JSON(w io.Writer) Sink {
	s := &jsonSink{w: bufio.NewWriterSize(w, sinkBuffer)}
	s.encoder = json.NewEncoder(s.w)
	s.encoder.SetEscapeHTML(false)
	return s
}

// Line writes the line as an object.
func (s *jsonSink) Line(l Line) error {
	r := record{
		Time: l.Time.UTC().Format(stampLayout), Service: l.Service, Container: l.Container,
		Number: l.Number, Stream: l.Stream, Partial: l.Partial,
	}
	if utf8.Valid(l.Text) {
		r.Message = string(l.Text)
	} else {
		r.Message, r.Base64 = string(bytes.ToValidUTF8(l.Text, []byte("\uFFFD"))), l.Text
	}
	return s.encoder.Encode(r)
}

// Note writes nothing.
func (s *jsonSink) Note(Note) error { return nil }

// Flush writes what is buffered.
func (s *jsonSink) Flush() error { return s.w.Flush() }

// textSink writes lines as they are.
type textSink struct {
	w          *bufio.Writer
	timestamps bool
	open       [2]bool // the stream is within a line
}

// Text is a sink that writes the lines byte by byte, both streams to one
// writer, each after its time if timestamps is set. Notes are left out. It
// buffers; see [Flusher].
func Text(w io.Writer, timestamps bool) Sink {
	return &textSink{w: bufio.NewWriterSize(w, sinkBuffer), timestamps: timestamps}
}

// Line writes the line. A bufio.Writer keeps its first error, so that looking
// at the last one is enough.
func (s *textSink) Line(l Line) error {
	open := &s.open[0]
	if l.Stream == Stderr {
		open = &s.open[1]
	}
	if s.timestamps && !*open {
		_, _ = s.w.Write(l.Time.UTC().AppendFormat(s.w.AvailableBuffer(), stampLayout+" "))
	}
	*open = l.Partial
	_, err := s.w.Write(l.Text)
	if !l.Partial {
		err = s.w.WriteByte('\n')
	}
	return err
}

// Note writes nothing.
func (s *textSink) Note(Note) error { return nil }

// Flush writes what is buffered.
func (s *textSink) Flush() error { return s.w.Flush() }

// FileSink writes each container's lines to a file of its own.
type FileSink struct {
	dir    string
	format func(io.Writer) Sink
	files  map[string]*containerFile
}

// containerFile is an open file of a FileSink.
type containerFile struct {
	file *os.File
	sink Sink
}

// Files is a sink that writes the lines of container NAME to dir/NAME.log, in
// the format that makes a sink for a writer: [JSON], or [Text]. It makes the
// folder if it is missing, and replaces files of earlier times when the first
// line for them comes. A container that replaces another of its name goes on
// in the same file. Close it in the end.
func Files(dir string, format func(io.Writer) Sink) (*FileSink, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("folder for logs: %w", err)
	}
	return &FileSink{dir: dir, format: format, files: map[string]*containerFile{}}, nil
}

// Line writes the line to its container's file.
func (s *FileSink) Line(l Line) error {
	name := filepath.Base(l.finalName()) + ".log"
	f := s.files[name]
	if f == nil {
		file, err := os.Create(filepath.Join(s.dir, name))
		if err != nil {
			return fmt.Errorf("log file: %w", err)
		}
		f = &containerFile{file: file, sink: s.format(file)}
		s.files[name] = f
	}
	return f.sink.Line(l)
}

// Note writes nothing.
func (s *FileSink) Note(Note) error { return nil }

// Flush writes what is buffered to the files.
func (s *FileSink) Flush() error {
	var failures []error
	for _, f := range s.files {
		if flusher, ok := f.sink.(Flusher); ok {
			failures = append(failures, flusher.Flush())
		}
	}
	return errors.Join(failures...)
}

// Close writes what is buffered and closes the files.
func (s *FileSink) Close() error {
	failures := []error{s.Flush()}
	for _, f := range s.files {
		failures = append(failures, f.file.Close())
	}
	return errors.Join(failures...)
}
