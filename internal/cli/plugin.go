package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// metadataCommand is what the Docker CLI calls to learn about a plugin
// (docker/cli, cli-plugins/metadata).
const metadataCommand = "docker-cli-plugin-metadata"

// invocation is how berth was called.
type invocation struct {
	name     string     // what the program is called in help texts
	args     []string   // what is left for the command tree
	docker   Connection // from docker's global flags, when called as its plugin
	debug    bool
	metadata bool // asked for the plugin's description
}

// standsIn tells whether berth was called by docker compose's name.
func (inv invocation) standsIn() bool {
	return inv.name == "docker-compose" || inv.name == "docker compose"
}

// word is the name as one word, as the shells' completion has it.
func (inv invocation) word() string { return strings.ReplaceAll(inv.name, " ", "-") }

// parseInvocation tells a call as docker's plugin, which is
// "docker-compose [docker's global flags] compose ARGS...", from a call by hand.
func parseInvocation(argv []string) invocation {
	program, args := "berth", []string(nil)
	if len(argv) > 0 {
		program = strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
		args = argv[1:]
	}
	word, isPlugin := strings.CutPrefix(program, "docker-")
	if len(args) > 0 && args[0] == metadataCommand {
		return invocation{name: program, metadata: true}
	}
	if isPlugin {
		if inv, ok := parsePluginCall(word, args); ok {
			return inv
		}
	} else {
		program = "berth"
	}
	return invocation{name: program, args: args}
}

// parsePluginCall takes docker's global flags and the plugin's word off args;
// ok is false when the word does not follow.
func parsePluginCall(word string, args []string) (inv invocation, ok bool) {
	keep := []string{} // never nil: cobra would read the process's arguments
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		keep, args = append(keep, args[0]), args[1:]
	}
	var d dockerFlags
	flags := pflag.NewFlagSet(word, pflag.ContinueOnError)
	flags.SetInterspersed(false)
	flags.Usage = func() {}
	d.add(flags)
	if err := flags.Parse(args); err != nil { // not docker's flags: a call by hand
		return invocation{}, false
	}
	rest := flags.Args()
	if len(rest) > 1 && rest[0] == "help" && rest[1] == word {
		keep, rest = append(keep, "help"), rest[1:]
	}
	if len(rest) == 0 || rest[0] != word {
		return invocation{}, false
	}
	return invocation{
		name:   "docker " + word,
		args:   append(keep, rest[1:]...),
		docker: d.connection(flags),
		debug:  d.talkative(),
	}, true
}

// dockerFlags are the Docker CLI's global flags.
type dockerFlags struct {
	Connection
	debug    bool
	logLevel string
}

func (d *dockerFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&d.Context, "context", "c", d.Context, "Docker context to find the engine by")
	flags.StringVarP(&d.Host, "host", "H", d.Host, "Address of the engine: unix://, tcp:// or ssh://")
	flags.StringVar(&d.ConfigDir, "config", d.ConfigDir, "Folder of the Docker CLI's configuration")
	flags.BoolVar(&d.TLS, "tls", d.TLS, "Use TLS; implied by --tlsverify")
	flags.BoolVar(&d.TLSVerify, "tlsverify", d.TLSVerify, "Use TLS and verify the engine's certificate")
	flags.StringVar(&d.TLSCACert, "tlscacert", d.TLSCACert, "Trust only certificates signed by this CA")
	flags.StringVar(&d.TLSCert, "tlscert", d.TLSCert, "Path to the TLS certificate")
	flags.StringVar(&d.TLSKey, "tlskey", d.TLSKey, "Path to the TLS key")
	flags.BoolVarP(&d.debug, "debug", "D", d.debug, "Tell on standard error which files, settings and engine are used")
	flags.StringVarP(&d.logLevel, "log-level", "l", d.logLevel, "Accepted for docker's sake: debug is the same as --debug, the others change nothing")
}

// talkative tells whether more is to be said than usually.
func (d *dockerFlags) talkative() bool { return d.debug || strings.EqualFold(d.logLevel, "debug") }

// connection is what the flags say about the engine. As with docker, giving
// --tlsverify at all asks for TLS.
func (d *dockerFlags) connection(flags *pflag.FlagSet) Connection {
	c := d.Connection
	c.TLS = c.TLS || flags.Changed("tlsverify")
	return c
}

// printMetadata describes berth to the Docker CLI. Tools compare the version of
// the plugin `compose` with that of docker compose.
func printMetadata(w io.Writer, inv invocation, version string) error {
	version = versionWord(version)
	if inv.standsIn() {
		version = composeVersion
	}
	out, err := json.Marshal(struct {
		SchemaVersion    string
		Vendor           string
		Version          string
		ShortDescription string
		URL              string
	}{"0.1.0", "berth", version, "Run Compose projects (berth)", "https://github.com/berth-dev/berth"})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(out))
	return err
}
