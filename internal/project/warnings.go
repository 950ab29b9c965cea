package project

import (
	"io"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/sirupsen/logrus"
)

// warnings collects texts in order, each once.
type warnings struct {
	texts []string
	seen  map[string]bool
}

func (w *warnings) add(text string) {
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	if !w.seen[text] {
		w.seen[text] = true
		w.texts = append(w.texts, text)
	}
}

// Levels and Fire make warnings a hook of logrus, which compose-go logs through.
func (w *warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire takes a warning in.
func (w *warnings) Fire(e *logrus.Entry) error {
	w.add(e.Message)
	return nil
}

// loggerLock serialises capture: compose-go logs through the process's one logger and
// has one table of env file formats.
//
//nolint:gochecknoglobals // guards globals of libraries, so it must be global itself
var loggerLock sync.Mutex

// capture runs fn and takes in what compose-go warns of meanwhile; nothing of it is
// printed.
func (w *warnings) capture(fn func() error) error {
	loggerLock.Lock()
	defer loggerLock.Unlock()
	dotenv.RegisterFormat(rawFormat, parseRaw)
	logger := logrus.StandardLogger()
	out := logger.Out
	hooks := logger.ReplaceHooks(logrus.LevelHooks{})
	logger.AddHook(w)
	logger.SetOutput(io.Discard)
	defer func() {
		logger.SetOutput(out)
		logger.ReplaceHooks(hooks)
	}()
	return fn()
}
