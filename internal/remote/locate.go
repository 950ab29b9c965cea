package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds a Compose file in bytes; it is the loader's own bound.
const maxFile = 4 << 20

// composeNames are the names that a Compose file has by default, the first one
// first (Compose specification, "The Compose file").
func composeNames() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
}

// locate finds the Compose file that path names in tree: itself, or the default
// one in a folder. Neither the path nor links may lead out of the tree.
func locate(tree, path string) (string, error) {
	local := strings.Trim(path, "/")
	if local == "" {
		local = "."
	}
	if !filepath.IsLocal(filepath.FromSlash(local)) {
		return "", fmt.Errorf("%s leads out of the repository", path)
	}
	full := filepath.Join(tree, filepath.FromSlash(local))
	info, err := inside(tree, full)
	if err != nil {
		return "", fmt.Errorf("%s: %w", local, err)
	}
	if !info.IsDir() {
		return full, nil
	}
	for _, name := range composeNames() {
		file := filepath.Join(full, name)
		_, err := inside(tree, file)
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Join(local, name), err)
		}
		return file, nil
	}
	if local == "." {
		return "", errors.New("has no compose.yaml (name a file or folder: URL.git#BRANCH:FOLDER)")
	}
	return "", fmt.Errorf("%s has no compose.yaml (name the file: URL.git#BRANCH:FOLDER/FILE)", local)
}

// errMissing is the absence of a file.
var errMissing = errors.New("no such file or folder in the repository")

// inside describes a file after following links, and refuses one outside tree.
func inside(tree, file string) (os.FileInfo, error) {
	real, err := filepath.EvalSymlinks(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errMissing
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	base, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	rel, err := filepath.Rel(base, real)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, errors.New("is a link out of the repository")
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case info.Mode().IsRegular() && info.Size() > maxFile:
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, errors.New("is neither a file nor a folder")
	}
	return info, nil
}
