package arch_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	// maxFunc is how many lines a function may have: what fits on a screen.
	maxFunc = 60
	// maxFile is how many lines a file may have: what one can keep in mind.
	maxFile = 400
	// shortFunc is what nine of ten functions stay within.
	shortFunc = 40
)

func TestFunctionsFitOnAScreenAndFilesInTheMind(t *testing.T) {
	var all, short int
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		if n := strings.Count(f.text, "\n"); n > maxFile {
			t.Errorf("%s has %d lines, the limit is %d: divide it by what it is about", f.path, n, maxFile)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := f.line(fn.End()) - f.line(fn.Pos()) + 1
			if n > maxFunc {
				t.Errorf("%s:%d: %s has %d lines, the limit is %d", f.path, f.line(fn.Pos()), fn.Name.Name, n, maxFunc)
			}
			all++
			if n <= shortFunc {
				short++
			}
		}
	}
	if short*10 < all*9 {
		t.Errorf("%d of %d functions have at most %d lines, it should be nine of ten", short, all, shortFunc)
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s:%d: init runs before main, unasked", f.path, f.line(fn.Pos()))
			}
		}
	}
}

// globals are the package-level variables that are none of the harmless kinds,
// each with the reason for it.
func globals() map[string]string {
	return map[string]string{
		"cmd/berth.version":             "the linker sets it",
		"pkg/event.Discard":             "a sink without state",
		"internal/project.loggerLock":   "compose-go logs to the one logger of the process, which is borrowed in turn",
		"internal/testengine.built":     "the binary under test is built once for all tests",
		"internal/testengine.connected": "the engine is looked for once for all tests",
	}
}

func TestPackagesHoldNoStateOfTheirOwn(t *testing.T) {
	allowed := globals()
	seen := map[string]bool{}
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, name := range state(gen, spec.(*ast.ValueSpec)) {
					key := f.pkg + "." + name
					seen[key] = true
					if allowed[key] == "" {
						t.Errorf("%s:%d: package-level variable %s: pass it where it is needed", f.path, f.line(spec.Pos()), name)
					}
				}
			}
		}
	}
	for key := range allowed {
		if !seen[key] {
			t.Errorf("the exception for %s is no longer needed", key)
		}
	}
}

// state names the variables of a declaration that could hold state: not error
// sentinels, compiled expressions, embedded files and assertions on types.
func state(gen *ast.GenDecl, spec *ast.ValueSpec) []string {
	for _, doc := range []*ast.CommentGroup{gen.Doc, spec.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return nil
		}
	}
	var out []string
	for i, name := range spec.Names {
		if name.Name == "_" || i < len(spec.Values) && constant(spec.Values[i]) {
			continue
		}
		out = append(out, name.Name)
	}
	return out
}

func constant(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := fn.X.(*ast.Ident)
	return ok && (pkg.Name == "errors" && fn.Sel.Name == "New" || pkg.Name == "regexp" && fn.Sel.Name == "MustCompile")
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]bool{}
	for _, f := range sources(t) {
		said[f.pkg] = said[f.pkg] || !f.test && f.ast.Doc != nil && len(strings.Fields(f.ast.Doc.Text())) > 3
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s:%d: %s is exported and has no comment", f.path, f.line(d.Pos()), name)
			}
		}
	}
}

// undocumented names what a declaration exports without a comment. Methods that
// only meet a well-known interface need none.
func undocumented(d ast.Decl) []string {
	var out []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		known := []string{"Error", "Unwrap", "String", "Len", "Less", "Swap", "Write", "Read", "Close", "Is", "Hint"}
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv) && !slices.Contains(known, d.Name.Name)) {
			out = append(out, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				out = append(out, s.Name.Name)
			}
		}
	}
	return out
}

func exportedReceiver(list *ast.FieldList) bool {
	t := list.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}

func TestNothingIsLeftForLater(t *testing.T) {
	// Composed, so that this file does not find itself.
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b|not (yet )?implem` + `ented`)
	for _, f := range sources(t) {
		for i, line := range strings.Split(f.text, "\n") {
			if later.MatchString(line) {
				t.Errorf("%s:%d: %s", f.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// The process's own streams and environment are named in main only; everyone
// else is handed what to read from and write to.
func TestOnlyMainNamesTheStandardStreams(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.ast.Name.Name == "main" || strings.HasPrefix(f.pkg, "internal/testengine") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Obj != nil {
				return true
			}
			switch name := pkg.Name + "." + sel.Sel.Name; name {
			case "os.Stdout", "os.Stderr", "os.Stdin", "fmt.Print", "fmt.Println", "fmt.Printf", "os.Exit", "log.Fatal", "log.Fatalf":
				t.Errorf("%s:%d: %s belongs to main", f.path, f.line(n.Pos()), name)
			}
			return true
		})
	}
}
