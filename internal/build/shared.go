package build

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// sharedDirs are the context folders to load whole, once for all the jobs that
// use them. A folder is not among them when its jobs need the same files anyhow,
// so that BuildKit loads it once by itself, or when the parts that the jobs copy
// are together less than the whole.
func sharedDirs(ctx context.Context, jobs []*job) (map[string]bool, error) {
	byDir := map[string][]*job{}
	for _, j := range jobs {
		if j.files.dir != "" {
			byDir[j.files.dir] = append(byDir[j.files.dir], j)
		}
	}
	shared := map[string]bool{}
	for dir, users := range byDir {
		if !slices.ContainsFunc(users, func(j *job) bool { return !sameFiles(j, users[0]) }) {
			continue
		}
		whole, err := isWholeSmaller(ctx, users)
		if err != nil {
			return nil, err
		}
		shared[dir] = whole
	}
	return shared, nil
}

// sameFiles tells whether two jobs with one context folder need the same files
// of it for sure.
func sameFiles(a, b *job) bool {
	return bytes.Equal(a.files.dockerfile, b.files.dockerfile) && bytes.Equal(a.files.ignore, b.files.ignore) &&
		a.target.Build.Target == b.target.Build.Target
}

// isWholeSmaller compares the size of the jobs' common context folder with that
// of the parts they copy. It is an estimate that only decides how files travel.
func isWholeSmaller(ctx context.Context, users []*job) (bool, error) {
	var parts [][]string
	for _, j := range users {
		copied, ok := copiedPaths(j.files.dockerfile)
		if !ok || !bytes.Equal(j.files.ignore, users[0].files.ignore) {
			return true, nil
		}
		if !slices.ContainsFunc(parts, func(known []string) bool { return slices.Equal(known, copied) }) {
			parts = append(parts, copied)
		}
	}
	excludes, err := users[0].files.excludes()
	if err != nil {
		return false, err
	}
	folder, err := contextFS(users[0].files.dir, excludes)
	if err != nil {
		return false, err
	}
	var whole, sum int64
	err = folder.Walk(ctx, "/", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		whole += info.Size()
		for _, part := range parts {
			if slices.ContainsFunc(part, func(prefix string) bool { return isUnder(name, prefix) }) {
				sum += info.Size()
			}
		}
		return nil
	})
	return whole <= sum, err
}

// isUnder tells whether name is prefix or lies in it.
func isUnder(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix) && name[len(prefix)] == '/'
}

// copiedPaths are the files and folders of the context that a Dockerfile names,
// wildcards cut off, sorted. It is not ok when the Dockerfile copies everything,
// or what is not known without carrying it out.
func copiedPaths(dockerfile []byte) (paths []string, ok bool) {
	parsed, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, false
	}
	for _, node := range parsed.AST.Children {
		sources, ok := contextSources(node)
		if !ok {
			return nil, false
		}
		for _, source := range sources {
			if strings.Contains(source, "$") {
				return nil, false
			}
			source, _, _ = strings.Cut(path.Clean("/" + source)[1:], "*")
			source = strings.TrimSuffix(source, "/")
			if source == "" {
				return nil, false
			}
			paths = append(paths, source)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), true
}

// contextSources are what one instruction reads from the context.
func contextSources(node *parser.Node) (sources []string, ok bool) {
	switch strings.ToLower(node.Value) {
	case "copy", "add":
		if slices.ContainsFunc(node.Flags, func(flag string) bool { return strings.HasPrefix(flag, "--from=") }) {
			return nil, true
		}
		for next := node.Next; next != nil && next.Next != nil; next = next.Next {
			if !strings.HasPrefix(next.Value, "<<") && !isRemote(next.Value) {
				sources = append(sources, next.Value)
			}
		}
	case "run":
		for _, flag := range node.Flags {
			// A bind mount is of the context unless it says from where.
			if strings.HasPrefix(flag, "--mount=") && !strings.Contains(flag, "from=") &&
				(strings.Contains(flag, "type=bind") || !strings.Contains(flag, "type=")) {
				return nil, false
			}
		}
	}
	return sources, true
}
