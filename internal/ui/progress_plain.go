package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/berth-dev/berth/pkg/event"
)

// dryRunPrefix stands before what was not done, as docker compose writes it.
const dryRunPrefix = "DRY-RUN MODE - "

// plainProgress writes one line per status of a resource, for logs and scripts.
type plainProgress struct {
	w     io.Writer
	out   io.Writer // of build output and the like
	paint func(color, s string) string
	last  map[string]string // by resource: the line written last
	folds *folds
}

func newPlainProgress(t Terminal) *plainProgress {
	w, _, color := t.status()
	return &plainProgress{
		w: w, out: t.Out, paint: painter(color),
		last:  map[string]string{},
		folds: newFolds(t, w),
	}
}

func (p *plainProgress) show(e event.Event) error {
	if err := p.folds.before(e); err != nil {
		return err
	}
	switch e.Kind {
	case event.KindStatus:
		return p.status(e)
	case event.KindWarning:
		return writeLine(p.w, warningLine(p.paint, e))
	case event.KindNotice:
		return writeLine(p.w, noticeLine(e))
	case event.KindOutput:
		return writeLine(p.out, outputLine(e))
	case event.KindSummary:
		return p.folds.summary(e)
	}
	return nil
}

// status writes a status unless it says nothing new: parts of a resource, such
// as the layers of an image, are left out, and so are repetitions, which only
// move a progress bar.
func (p *plainProgress) status(e event.Event) error {
	if e.Parent != "" && !isFailure(e) {
		return nil
	}
	text := statusLine(e)
	if p.last[e.ID()] == text {
		return nil
	}
	p.last[e.ID()] = text
	return writeLine(p.w, text)
}

func (p *plainProgress) close() error { return p.folds.close() }

// statusLine is the line scripts match on: " Container web-1 Started".
func statusLine(e event.Event) string {
	var b strings.Builder
	if e.DryRun {
		b.WriteString(dryRunPrefix)
	}
	for _, word := range []string{e.ID(), string(e.Status), statusText(e)} {
		if word != "" {
			b.WriteString(" " + word)
		}
	}
	return b.String()
}

// noticeLine is the text, which says so where nothing was done.
func noticeLine(e event.Event) string {
	if e.DryRun {
		return dryRunPrefix + e.Text
	}
	return e.Text
}

// warningLine is a warning with the resource it is about, if any.
func warningLine(paint func(color, s string) string, e event.Event) string {
	text := oneLine(e.Text)
	if id := e.ID(); id != "" {
		text = id + ": " + text
	}
	return paint(yellow, "warning:") + " " + text
}

// outputLine is a line of output; that of a container says whose it is.
func outputLine(e event.Event) string {
	text := strings.TrimRight(e.Text, "\n")
	if e.Resource == event.Container && e.Name != "" {
		return e.Name + "  | " + text
	}
	return text
}

func writeLine(w io.Writer, text string) error {
	_, err := io.WriteString(w, text+"\n")
	return err
}

// folds wraps phases of plain progress in the marks by which a build service
// folds its log, and ends with the failures outside of any fold. Without a
// known service it does nothing.
type folds struct {
	term     Terminal
	w        io.Writer
	section  string // the open one; empty when none is
	number   int    // of sections so far: GitLab wants each to have a name of its own
	failures []event.Event
}

func newFolds(t Terminal, w io.Writer) *folds { return &folds{term: t, w: w} }

// before opens the section the event belongs to and closes the one before.
func (f *folds) before(e event.Event) error {
	if f.term.CI == "" {
		return nil
	}
	if isFailure(e) {
		f.failures = append(f.failures, e)
	}
	section := sectionOf(e)
	if section == "" || section == f.section {
		return nil
	}
	if err := f.end(); err != nil {
		return err
	}
	f.section = section
	f.number++
	if f.term.CI == GitHub {
		return writeLine(f.w, "::group::"+section)
	}
	return writeLine(f.w, fmt.Sprintf("\x1b[0Ksection_start:%d:%s[collapsed=true]\r\x1b[0K%s",
		f.term.now().Unix(), f.sectionID(section), section))
}

// end closes the open section, if any.
func (f *folds) end() error {
	section := f.section
	f.section = ""
	switch {
	case section == "":
		return nil
	case f.term.CI == GitHub:
		return writeLine(f.w, "::endgroup::")
	}
	return writeLine(f.w, fmt.Sprintf("\x1b[0Ksection_end:%d:%s\r\x1b[0K", f.term.now().Unix(), f.sectionID(section)))
}

// summary prints the closing line of a command where a build log wants one.
func (f *folds) summary(e event.Event) error {
	if f.term.CI == "" || e.Text == "" {
		return nil
	}
	if err := f.end(); err != nil {
		return err
	}
	return writeLine(f.w, oneLine(e.Text))
}

// close ends the last section and lists what failed.
func (f *folds) close() error {
	if err := f.end(); err != nil || len(f.failures) == 0 {
		return err
	}
	if err := writeLine(f.w, fmt.Sprintf("Failed (%d):", len(f.failures))); err != nil {
		return err
	}
	for _, e := range f.failures {
		if err := writeLine(f.w, "  "+e.ID()+": "+failureText(e)); err != nil {
			return err
		}
		if f.term.CI != GitHub {
			continue
		}
		if err := writeLine(f.w, "::error title="+githubValue(e.ID())+"::"+githubText(failureText(e))); err != nil {
			return err
		}
	}
	return nil
}

func failureText(e event.Event) string {
	if e.Text != "" {
		return oneLine(e.Text)
	}
	return strings.ToLower(string(e.Status))
}

// sectionOf names the phase an event belongs to; empty for events that go with
// whatever is being done.
func sectionOf(e event.Event) string {
	switch {
	case e.Kind == event.KindOutput && e.Resource == event.Image, e.Kind == event.KindStatus && (e.Resource == event.Image || e.Parent != ""):
		return "berth: images"
	case e.Kind == event.KindStatus:
		return "berth: containers, networks and volumes"
	}
	return ""
}

// sectionID makes a title fit for a GitLab section name.
func (f *folds) sectionID(title string) string {
	return fmt.Sprintf("%s_%d", strings.NewReplacer(": ", "_", ", ", "_", " ", "_").Replace(title), f.number)
}

// githubText escapes the message of a GitHub workflow command.
func githubText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// githubValue escapes a property of a GitHub workflow command.
func githubValue(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
