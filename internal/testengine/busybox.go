package testengine

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// busyboxVariable names an environment variable with the path of a static
// busybox, for machines that keep it elsewhere.
const busyboxVariable = "BERTH_TEST_BUSYBOX"

// busyboxRecipes describes the busybox images, made from the static busybox
// of this machine (Debian's package busybox-static).
func busyboxRecipes(engine Engine) ([]recipe, error) {
	if engine.OS != runtime.GOOS || engine.Arch != runtime.GOARCH {
		return nil, fmt.Errorf("the engine runs %s/%s containers and this machine's busybox is for %s/%s: run the tests where the engine is",
			engine.OS, engine.Arch, runtime.GOOS, runtime.GOARCH)
	}
	path, err := staticBusybox()
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", path, err)
	}
	files := append(skeleton(), file{name: "bin/busybox", content: content, mode: 0o755})
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			files = append(files, file{name: "bin/" + applet, link: "busybox", mode: 0o777})
		}
	}
	base := recipe{ref: BusyboxImage, files: files, changes: []string{"ENV PATH=" + searchPath, `CMD ["sh"]`}}
	volume := []file{{name: "data/", mode: 0o755}, {name: "data/from-image", content: []byte("seed\n"), mode: 0o644}}
	return append(versions(base), base.with("volume", volume, "VOLUME /data")), nil
}

// skeleton is what programs expect of any file system.
func skeleton() []file {
	return []file{
		{name: "bin/", mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\ntester:x:1000:1000:tester:/:/bin/sh\n")},
		{name: "etc/group", mode: 0o644, content: []byte("root:x:0:\nnogroup:x:65534:\ntester:x:1000:\nextra:x:2000:tester\n")},
		{name: "root/", mode: 0o700},
		{name: "tmp/", mode: 0o1777},
	}
}

// staticBusybox finds a busybox that needs no other file: the set-up puts one
// into bin/ of the source tree.
func staticBusybox() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	paths := []string{filepath.Join(root, "bin", "busybox"), "/bin/busybox", "/usr/bin/busybox"}
	if path := os.Getenv(busyboxVariable); path != "" {
		paths = []string{path}
	}
	var refusals []error
	for _, path := range paths {
		err := checkStatic(path)
		if err == nil {
			return path, nil
		}
		refusals = append(refusals, err)
	}
	return "", fmt.Errorf("no static busybox (run testdata/setup/tools.sh, or set %s): %w", busyboxVariable, errors.Join(refusals...))
}

// checkStatic fails for what is no program, or one that needs a loader.
func checkStatic(path string) error {
	program, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }() // only read
	for _, header := range program.Progs {
		if header.Type == elf.PT_INTERP {
			return fmt.Errorf("%s: is linked dynamically", path)
		}
	}
	return nil
}
