package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// matcher tells which paths below a folder match patterns of the .dockerignore
// syntax. A nil matcher matches nothing.
type matcher struct {
	base string
	// mu is held while matching: the library compiles patterns when they are
	// first needed.
	mu       sync.Mutex
	patterns *patternmatcher.PatternMatcher
	// exceptions are the fixed beginnings of the patterns with "!", relative to
	// base: what is on the way to them, or below, must be looked at.
	exceptions []string
}

// newMatcher compiles patterns, which are relative to the folder base.
func newMatcher(base string, patterns []string) (*matcher, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	m := &matcher{base: base}
	clean := make([]string, len(patterns))
	for i, p := range patterns {
		p = strings.TrimSpace(p)
		rest, except := strings.CutPrefix(p, "!")
		rest = strings.TrimLeft(strings.TrimSpace(rest), "/")
		clean[i] = rest
		if except {
			clean[i] = "!" + rest
			m.exceptions = append(m.exceptions, fixedPart(path.Clean(rest)))
		}
		// The library says what is wrong with a pattern only when it is used.
		if _, err := patternmatcher.Matches("x", []string{rest}); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", patterns[i], err)
		}
	}
	var err error
	m.patterns, err = patternmatcher.New(clean)
	return m, err
}

// fixedPart is the part of a pattern before the first component that can match
// different names; "" if it is the first one.
func fixedPart(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if strings.ContainsAny(part, `*?[\`) {
			return strings.Join(parts[:i], "/")
		}
	}
	return pattern
}

// matches tells whether a path, or a folder it is in, matches. The base itself
// and what is outside never do.
func (m *matcher) matches(name string) bool {
	if m == nil {
		return false
	}
	rel, ok := relative(m.base, name)
	if !ok || rel == "." {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found, err := m.patterns.MatchesOrParentMatches(rel)
	return err == nil && found // the patterns have been tried by newMatcher
}

// prunes tells whether everything below a folder matches.
func (m *matcher) prunes(dir string) bool {
	if !m.matches(dir) {
		return false
	}
	rel, _ := relative(m.base, dir)
	for _, e := range m.exceptions {
		if e == "" || e == rel || strings.HasPrefix(e, rel+"/") || strings.HasPrefix(rel, e+"/") {
			return false
		}
	}
	return true
}

// relative is a path below a folder, with slashes; ok is false outside of it.
func relative(base, name string) (rel string, ok bool) {
	if name == base {
		return ".", true
	}
	prefix := base
	if !strings.HasSuffix(prefix, string(filepath.Separator)) {
		prefix += string(filepath.Separator)
	}
	rel, ok = strings.CutPrefix(name, prefix)
	return filepath.ToSlash(rel), ok
}

// within tells whether a path is the folder or below it.
func within(base, name string) bool {
	_, ok := relative(base, name)
	return ok
}

// isScratch tells whether a path relative to a rule's belongs to an editor or to
// git: lock, swap, backup and temporary files that come and go on each save.
func isScratch(rel string) bool {
	for part := range strings.SplitSeq(rel, "/") {
		if part == ".git" || part == ".idea" {
			return true
		}
	}
	base := path.Base(rel)
	if base == "4913" || base == ".DS_Store" { // vim tries 4913 in each folder
		return true
	}
	for _, pattern := range []string{
		"*~", ".*.sw?", ".*.sw?x", "*.swp", "*.swx", ".#*", "#*#", ".goutputstream-*", ".*.kate-swp",
		"*___jb_tmp___", "*___jb_old___", "*___jb_bak___", ".~lock.*#",
	} {
		if ok, _ := path.Match(pattern, base); ok {
			return true
		}
	}
	return false
}

// dockerIgnore reads the .dockerignore of a service's build context; nil if
// there is none. One named after the Dockerfile comes first.
func dockerIgnore(b *types.BuildConfig) (*matcher, error) {
	if b == nil || !filepath.IsAbs(b.Context) {
		return nil, nil
	}
	base := resolve(b.Context)
	for _, name := range []string{dockerfile(b) + ".dockerignore", filepath.Join(base, ".dockerignore")} {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		patterns, err := ignorefile.ReadAll(f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		m, err := newMatcher(base, patterns)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return m, nil
	}
	return nil, nil
}

// dockerfile is the path of a build's Dockerfile.
func dockerfile(b *types.BuildConfig) string {
	name := b.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(b.Context, name)
	}
	return resolve(name)
}

// resolve follows the symbolic links of a path as far as it exists, so that all
// names of a folder are one: rules and events are compared by path.
func resolve(name string) string {
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		return resolved
	}
	dir := filepath.Dir(name)
	if dir == name {
		return name
	}
	return filepath.Join(resolve(dir), filepath.Base(name))
}
