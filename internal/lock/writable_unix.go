//go:build !windows

package lock

import "syscall"

// mayWrite is access(2)'s W_OK.
const mayWrite = 2

// writable tells whether files can be made in a folder, which its mode alone
// does not: the file system may be read-only.
func writable(dir string) bool { return syscall.Access(dir, mayWrite) == nil }
