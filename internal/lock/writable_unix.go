//go:build !windows

package lock

import "golang.org/x/sys/unix"

// writable tells whether files can be made in a folder, which its mode alone
// does not: the file system may be read-only.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }
