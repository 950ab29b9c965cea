package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// NeedsAnswerError says that a question could not be asked because standard
// input is not a terminal.
type NeedsAnswerError struct {
	Question string
	Flag     string // what answers it beforehand, such as "--yes"
}

// Error names the question and the flag.
func (e *NeedsAnswerError) Error() string {
	s := fmt.Sprintf("%q needs an answer, but standard input is not a terminal", e.Question)
	if e.Flag != "" {
		s += ": use " + e.Flag
	}
	return s
}

// Confirm asks a question and reads a line from In; only y or yes means yes,
// in any case. Without a terminal, or at the end of the input, it is false with
// an error that names the flag that answers beforehand. A live view steps aside
// meanwhile.
func Confirm(t Terminal, question, flag string) (bool, error) {
	question = oneLine(question)
	if !t.InTTY || t.In == nil {
		return false, &NeedsAnswerError{Question: question, Flag: flag}
	}
	w, color := t.Err, t.ErrColor
	if !t.ErrTTY && t.OutTTY { // the question must be seen
		w, color = t.Out, t.OutColor
	}
	if l, ok := w.(*liveWriter); ok {
		defer l.screen.suspend()()
	}
	if _, err := io.WriteString(w, painter(color)(bold, question)+" [y/N] "); err != nil {
		return false, closedError(err)
	}
	answer, err := readLine(t.In)
	if err != nil {
		// The cursor stands behind the question; the message needs its own line.
		return false, errors.Join(&NeedsAnswerError{Question: question, Flag: flag}, writeLine(w, ""))
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// readLine reads up to the end of a line and not a byte more, which may belong
// to somebody else. A last line without an end counts.
func readLine(r io.Reader) (string, error) {
	var text []byte
	one := make([]byte, 1)
	for {
		n, err := r.Read(one)
		if n == 1 {
			if one[0] == '\n' {
				return string(text), nil
			}
			text = append(text, one[0])
		}
		switch {
		case errors.Is(err, io.EOF) && len(text) > 0:
			return string(text), nil
		case err != nil:
			return "", err
		case len(text) > 1024:
			return "", errors.New("the answer is too long")
		}
	}
}
