package docker

import (
	"context"
	"errors"
	"io"
)

// ownError is a failure of a stream on berth's own side, such as a standard
// output that nobody reads any more. It often looks like one of the engine's.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

// ownFailure is the failure of berth's own side that an error is about; nil if
// it is none.
func ownFailure(err error) error {
	var own ownError
	if errors.As(err, &own) {
		return own.error
	}
	return nil
}

// ownWriter takes what an engine sends; its failures are not the engine's.
type ownWriter struct{ io.Writer }

func (w ownWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = ownError{err}
	}
	return n, err
}

// ownReader gives what is sent to an engine; its failures are not the engine's.
type ownReader struct{ io.Reader }

func (r ownReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = ownError{err}
	}
	return n, err
}

// answerBody is an engine's answer that the caller reads to its end; failures
// on the way are told like those of the request.
type answerBody struct {
	io.ReadCloser
	fail func(error) error
}

func (b answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // wrapped, it is no end
		err = b.fail(err)
	}
	return n, err
}

// body hands an answer on to the caller; nil stays nil.
func (e *Engine) body(ctx context.Context, op, name string, answer io.ReadCloser) io.ReadCloser {
	if answer == nil {
		return nil
	}
	return answerBody{answer, func(err error) error { return e.fail(ctx, op, name, err) }}
}
