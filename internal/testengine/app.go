package testengine

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// appRecipes describes the images of the test program, compiled for the
// engine's platform. Go's cache makes the second compilation cheap.
func appRecipes(engine Engine) ([]recipe, error) {
	content, err := compileApp(engine)
	if err != nil {
		return nil, err
	}
	files := append(skeleton(), file{name: "app", content: content, mode: 0o755})
	base := recipe{ref: AppImage, files: files, changes: []string{`ENTRYPOINT ["/app"]`, `CMD ["serve"]`, "ENV PORT=8080", "ENV PATH=/:" + searchPath}}
	// The interval is short for the tests' sake.
	check := `HEALTHCHECK --interval=1s --timeout=5s --retries=3 CMD ["/app", "health"]`
	return append(versions(base), base.with("healthy", nil, check)), nil
}

// compileApp returns the program's bytes. The processes share one file, so
// that an unchanged program is not linked again.
func compileApp(engine Engine) ([]byte, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	dir, err := sharedDir()
	if err != nil {
		return nil, err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "app.lock")).Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	output := filepath.Join(dir, "app-"+engine.OS+"-"+engine.Arch+executableSuffix(engine.OS))
	if err := goBuild(root, output, "./internal/testengine/app", "GOOS="+engine.OS, "GOARCH="+engine.Arch); err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}
