package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/berth-dev/berth/internal/engine"
)

// fail translates an error of the client library: its kind for errors.Is, its
// text on one line with short IDs. What a request says whose context has ended
// is the end of the context, whatever it broke on: it stays recognisable as
// such, and says nothing about the engine. A nil error gives nil.
func (e *Engine) fail(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	var translated *engine.Error
	if errors.As(err, &translated) {
		return err
	}
	name = shortName(op, name)
	if errors.Is(err, errMute) {
		return e.silent(op, name)
	}
	if own := ownFailure(err); own != nil {
		return own
	}
	if ended := endOf(ctx, err); ended != nil {
		return fmt.Errorf("%s: %w", strings.TrimSpace(op+" "+name), ended)
	}
	result := &engine.Error{Op: op, Name: name, Text: oneLine(err)}
	switch {
	case strings.Contains(result.Text, "unable to upgrade to"):
		result.Text, result.Kind = upgradeRefusal(result.Text)
	case isBroken(err) && e.dialFailure.Load() == nil:
		result.Kind, result.Text = engine.ErrUnreachable, e.broke(err)
	case notAnEngine(err) != "" && wrongTLS(err) == "":
		result.Kind, result.Text = engine.ErrUnreachable, e.foreign(notAnEngine(err))
	case client.IsErrConnectionFailed(err), wrongTLS(err) != "", strings.Contains(result.Text, "cannot connect to the Docker daemon"):
		result.Kind, result.Text = engine.ErrUnreachable, e.unreachable(err)
	default:
		result.Kind = kind(err, result.Text)
	}
	return result
}

// endOf is how the context ended that a request failed of; nil if the failure
// has another reason. The client library gives the cause of the end in its
// place, which may be anything; a refusal that the engine did send still counts.
func endOf(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && kind(err, err.Error()) == nil:
		return ctx.Err()
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	}
	return nil
}

// shortName shortens IDs. Volumes keep theirs, which are their names.
func shortName(op, name string) string {
	if strings.Contains(op, "volume") {
		return name
	}
	return engine.ShortIDs(name)
}

// upgradeRefusal explains a refused attach: the client library throws the
// engine's words away and keeps the status.
func upgradeRefusal(text string) (words string, kind error) {
	switch {
	case strings.HasSuffix(text, "404"):
		return "no such container", engine.ErrNotFound
	case strings.HasSuffix(text, "409"):
		return "it is paused, restarting or not running", engine.ErrConflict
	}
	return text, nil
}

// unreachable says which engine does not answer, why, and what to do.
func (e *Engine) unreachable(err error) string {
	cause := err
	if dialed := e.dialFailure.Load(); dialed != nil {
		cause = *dialed
	}
	if wrong := wrongTLS(cause); wrong != "" {
		return fmt.Sprintf("cannot reach the Docker engine at %s: %s; do both sides agree on TLS? (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)", e.endpoint, wrong)
	}
	advice := "is it running?"
	var network *net.OpError
	switch {
	case errors.Is(cause, fs.ErrPermission):
		advice = "may this user use it? (group docker, or root)"
	case strings.Contains(cause.Error(), "certificate"):
		advice = "are the certificates right? (DOCKER_CERT_PATH)"
	}
	if errors.As(cause, &network) && network.Err != nil {
		cause = network.Err
	}
	return fmt.Sprintf("cannot reach the Docker engine at %s: %s; %s", e.endpoint, reason(cause), advice)
}

// broke says which engine has closed a connection in the middle of an answer.
func (e *Engine) broke(err error) string {
	how := ""
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		how = " (" + reason(err) + ")"
	}
	return fmt.Sprintf("the Docker engine at %s closed the connection%s; it may have been stopped or restarted", e.endpoint, how)
}

// reason shortens errors whose text repeats the address.
func reason(err error) string {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return oneLine(err)
}

// isBroken tells whether a connection ended in the middle of an answer.
func isBroken(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// kind classifies an engine's refusal by its status and, where a status means
// several things, by its words.
func kind(err error, text string) error {
	switch {
	case matches(portTaken, text):
		return engine.ErrPortTaken
	case matches(inUse, text):
		return engine.ErrInUse
	case errdefs.IsNotFound(err), matches(notJoined, text):
		return engine.ErrNotFound
	case matches(leaving, text):
		return engine.ErrRemoving
	case errdefs.IsConflict(err) && matches(alive, text):
		return engine.ErrRunning
	case errdefs.IsConflict(err), errdefs.IsAlreadyExists(err):
		return engine.ErrConflict
	case errdefs.IsUnavailable(err):
		return engine.ErrTransient
	}
	return nil
}

// failRegistry is fail for requests that the engine passes on to a registry,
// whose refusals are mostly known by their words alone.
func (e *Engine) failRegistry(ctx context.Context, op, name string, err error) error {
	result := e.fail(ctx, op, name, err)
	var refusal *engine.Error
	if !errors.As(result, &refusal) || errors.Is(refusal.Kind, engine.ErrUnreachable) {
		return result
	}
	switch {
	case matches(denied, refusal.Text), errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		refusal.Kind = engine.ErrDenied
	case matches(missing, refusal.Text):
		refusal.Kind = engine.ErrNotFound
	case matches(transient, refusal.Text):
		refusal.Kind = engine.ErrTransient
	}
	return result
}

// Phrases of engines and registries, lower case. The engine reports most
// failures of the network driver and of registries as status 500 with nothing
// but words.
const (
	portTaken = "port is already allocated|all ports are allocated|address already in use|ports are not available|failed to bind host port|port is already in use"
	inUse     = "has active endpoints|volume is in use|image is being used|image is referenced|is in use by"
	notJoined = "is not connected to network|is not connected to the network"
	leaving   = "is already in progress|is marked for removal"
	stillHeld = "directory not empty|device or resource busy"
	alive     = "stop the container before"
	denied    = "pull access denied|unauthorized|authentication required|access denied|access to the resource is denied|denied: |no basic auth|incorrect username or password|403 forbidden"
	missing   = "manifest unknown|no such image|repository name not known|no matching manifest"
	transient = "toomanyrequests|too many requests|i/o timeout|tls handshake timeout|connection reset|connection refused|unexpected eof|" +
		"temporary failure|server misbehaving|client.timeout|context deadline exceeded|status: 50|500 internal|502 bad|503 service|504 gateway|no route to host|network is unreachable"
)

// matches tells whether the text contains one of the phrases, divided by "|".
func matches(phrases, text string) bool {
	text = strings.ToLower(text)
	for phrase := range strings.SplitSeq(phrases, "|") {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}

// oneLine is an error's text without the client's prefix and without line
// breaks, with short IDs.
func oneLine(err error) string {
	text := engine.ShortIDs(strings.Join(strings.Fields(err.Error()), " "))
	text = strings.ReplaceAll(text, "Error response from daemon: ", "")
	return strings.TrimPrefix(text, "Error: ")
}

// portPattern finds a port in the engine's words about a taken one, such as
// "Bind for 0.0.0.0:80 failed: port is already allocated".
const portPattern = `[0-9a-fA-F.:\[\]*]*:[0-9]+`

// TakenPort is the address that an ErrPortTaken error speaks of, such as
// "0.0.0.0:80"; empty if it names none.
func TakenPort(err error) string {
	if !errors.Is(err, engine.ErrPortTaken) {
		return ""
	}
	return regexp.MustCompile(portPattern).FindString(err.Error())
}
