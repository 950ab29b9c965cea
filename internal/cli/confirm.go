package cli

import (
	"context"
	"strings"

	"github.com/berth-dev/berth/internal/ui"
	"github.com/berth-dev/berth/pkg/event"
)

// confirm asks the person at the terminal, unless a flag has answered.
func (s *session) confirm(_ context.Context, question string) (bool, error) {
	if s.answer != nil {
		return s.answer(question)
	}
	t, err := s.term()
	if err != nil {
		return false, err
	}
	return ui.Confirm(t, question, s.answerFlag)
}

// goAhead is the answer of rm --force. As docker compose does, it writes what
// happens to standard output.
func (s *session) goAhead(question string) (bool, error) {
	return true, s.print(statement(question) + "\n")
}

// keepData is the answer of up --yes, all of whose questions are about data that
// would be lost: nobody is asked, and nothing is lost.
func (s *session) keepData(question string) (bool, error) {
	s.tell(event.KindWarning, "--yes does not agree to losing data, only --accept-volume-removal does: "+statement(question))
	return false, nil
}

// statement is what a question says before it asks.
func statement(question string) string {
	if i := strings.LastIndex(question, ". "); i >= 0 {
		return question[:i]
	}
	return question
}
