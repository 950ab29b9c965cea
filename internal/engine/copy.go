package engine

import (
	"io/fs"
	"time"
)

// PathStat describes a path in a container.
type PathStat struct {
	Name       string
	Size       int64 // bytes
	Mode       fs.FileMode
	ModTime    time.Time
	LinkTarget string // for a symbolic link
}

// CommitOptions say how an image is made of a container.
type CommitOptions struct {
	Reference string
	Comment   string
	Author    string
	Changes   []string // Dockerfile instructions
	Pause     bool     // freeze the container meanwhile
}
