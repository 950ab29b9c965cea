// Package provider runs the programs that stand behind services without
// containers: the providers of the Compose specification (services.*.provider),
// and Docker Model Runner, which serves the models of top-level models.
//
// A provider is an executable that is called as
//
//	<program> compose --project-name <project> up|down|stop [--option=value ...] <service>
//
// and answers with JSON messages on its standard output, one per line; docker
// compose's protocol for extensions, as its documentation describes it. Models are
// pulled and configured by the Docker CLI plugin docker-model.
package provider
