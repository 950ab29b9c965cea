package project

import (
	"context"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/loader"
)

// measured is a loader of remote files whose results are measured, with the
// local files that they name, before compose-go opens them.
type measured struct {
	loader.ResourceLoader
	s *session
}

// Load fetches a file and measures it.
func (m measured) Load(ctx context.Context, name string) (string, error) {
	path, err := m.ResourceLoader.Load(ctx, name)
	if err != nil {
		return "", err
	}
	return path, m.s.measure(absFrom(m.s.opts.WorkDir, path))
}

// measure adds a file that was fetched in the midst of loading to the sources,
// and follows what it names.
func (s *session) measure(file string) error {
	before := len(s.sources.files)
	src, err := s.sources.open(file)
	if err != nil || src == nil || len(s.sources.files) == before {
		return err
	}
	only := *s.sources
	only.files = []*source{src}
	if err := only.follow(filepath.Dir(file), s.set.env, s.opts.NoInterpolate); err != nil {
		return err
	}
	s.sources.files = append(s.sources.files, only.files[1:]...)
	s.casts.add(only.files)
	s.sources.forget()
	return nil
}
