// Command find prints the address of the Docker Engine that tests and the
// demo use, in the form of DOCKER_HOST, and the engine's version. It exits 1
// with the reasons where none answers. The set-up scripts ask it, since curl
// and the Docker CLI may be missing.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/berth-dev/berth/internal/testengine"
)

func main() {
	engine, err := testengine.Find(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(engine.Host, engine.Version, engine.APIVersion)
}
