package testengine

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// RegistryUser and RegistryPassword open a registry of [PrivateRegistry].
const (
	RegistryUser     = "berth"
	RegistryPassword = "berth-test"
	// registryHash is the password for the registry's file (bcrypt).
	registryHash = "$2a$04$XVnB5FuoEQNEv7jyeX060OXoDsejGkOS/MKNtnPR5iy.cVOworjOC"
)

// registryWait is how long a registry may take to answer.
const registryWait = 10 * time.Second

// Registry starts an empty image registry on this machine for one test and
// returns its address, such as 127.0.0.1:41123: the first part of the names of
// its images. The engine takes it without TLS, since it is local. The test is
// skipped by name where Debian's docker-registry is missing.
func Registry(t testing.TB) string {
	t.Helper()
	return startRegistry(t, "")
}

// PrivateRegistry is [Registry] with a user and a password.
func PrivateRegistry(t testing.TB) string {
	t.Helper()
	passwords := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(passwords, []byte(RegistryUser+":"+registryHash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return startRegistry(t, fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", passwords))
}

// startRegistry runs the program with the configuration, and more of it, until
// the test ends.
func startRegistry(t testing.TB, more string) string {
	t.Helper()
	Require(t)
	program, err := registryProgram()
	if err != nil {
		t.Skipf("needs the program docker-registry (run testdata/setup/tools.sh): %v", err)
	}
	dir, address := t.TempDir(), freeAddress(t)
	config := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp: {addr: %q}\n%s",
		filepath.Join(dir, "images"), address, more)
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	command := exec.Command(program, "serve", file)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended by itself
		_ = command.Wait()         // which says that it was killed
		if t.Failed() {
			t.Logf("docker-registry wrote:\n%s", output.String())
		}
	})
	waitForRegistry(t, address)
	return address
}

// waitForRegistry returns when the registry answers, whatever it says.
func waitForRegistry(t testing.TB, address string) {
	t.Helper()
	deadline := time.Now().Add(registryWait)
	for {
		response, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			_ = response.Body.Close() // nothing in it is of interest
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("docker-registry does not answer on %s: %v", address, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// registryProgram finds what the set-up has put into bin/, or what is
// installed.
func registryProgram() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	unpacked := filepath.Join(root, "bin", "docker-registry")
	if _, err := os.Stat(unpacked); err == nil {
		return unpacked, nil
	}
	return exec.LookPath("docker-registry")
}

// freeAddress is a port on this machine that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
