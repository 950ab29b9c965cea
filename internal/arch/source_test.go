package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/berth-dev/berth"

// file is one Go file of the module.
type file struct {
	path    string // from the module's root, with slashes
	pkg     string // its folder
	test    bool
	imports []string
	ast     *ast.File
	text    string
	fset    *token.FileSet
}

func (f file) line(pos token.Pos) int { return f.fset.Position(pos).Line }

// root is the module's folder, two above this package's.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources reads every Go file of the module, once for all tests.
func sources(t *testing.T) []file {
	t.Helper()
	files, err := parsed(root(t))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var parsed = func() func(string) ([]file, error) {
	var once sync.Once
	var files []file
	var err error
	return func(dir string) ([]file, error) {
		once.Do(func() { files, err = parseAll(dir) })
		return files, err
	}
}()

func parseAll(dir string) ([]file, error) {
	var out []file
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != dir && (name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parseFile(dir, path)
		if err == nil {
			out = append(out, f)
		}
		return err
	})
	return out, err
}

func parseFile(dir, path string) (file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	f := file{text: string(text), fset: token.NewFileSet(), test: strings.HasSuffix(path, "_test.go")}
	f.ast, err = parser.ParseFile(f.fset, path, text, parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return file{}, err
	}
	f.path = filepath.ToSlash(rel)
	f.pkg = filepath.ToSlash(filepath.Dir(rel))
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, p)
	}
	return f, nil
}

// thirdParty tells whether an import is neither ours nor the standard library's.
func thirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && !ours(path)
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// within tells whether a path is one of the prefixes or below one.
func within(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}
