package ui

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// logObject is a line in JSON, in the form of logs.JSON.
type logObject struct {
	Time      time.Time `json:"time"`
	Service   string    `json:"service"`
	Container string    `json:"container"`
	Number    int       `json:"number"`
	Stream    string    `json:"stream"`
	Message   string    `json:"message"`
	// Base64 has the exact bytes of a message that is not UTF-8.
	Base64  []byte `json:"message_base64,omitempty"`
	Partial bool   `json:"partial,omitempty"`
}

func (p *LogPrinter) printJSON(l LogLine) error {
	text := l.Text
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	o := logObject{
		Time: l.Time.UTC(), Service: l.Service, Container: l.Container, Number: l.Number,
		Stream: l.Stream.String(), Message: string(text), Partial: l.Partial,
	}
	if !utf8.Valid(text) {
		o.Message, o.Base64 = string(bytes.ToValidUTF8(text, []byte("\uFFFD"))), text
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		return err
	}
	p.out.buf = append(p.out.buf, line.Bytes()...)
	return p.written(&p.out)
}
