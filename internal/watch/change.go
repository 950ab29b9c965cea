package watch

// kind is what a path is.
type kind int

const (
	isNothing kind = iota
	isFile         // or a symbolic link
	isFolder
)

// change is a path that is not what it was at the last batch.
type change struct {
	path        string
	before, now kind
}

// File is one thing to be done in the containers of a service.
type File struct {
	Source string // on this machine; it may have gone again by the time it is read
	Target string // absolute, in the container
	// Gone says that Target is to be removed, with all that is in it.
	Gone bool
	// Replace says that Target has to be removed before Source is copied: it
	// was a folder and is none any more, or the other way round.
	Replace bool
}
