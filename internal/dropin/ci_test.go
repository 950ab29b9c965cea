package dropin

import (
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestCommandLinesOfContinuousIntegrationWork(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		testengine.Images(t)
		s := newShell(t, f, "ci")
		t.Cleanup(func() { removeImage(t, s.project+"-tool:latest") })
		s.section("before anything runs", idleLines()...)
		s.section("up and looking", upLines()...)
		s.section("exec and run", execLines()...)
		s.section("files", copyLines()...)
		s.section("signals and states", stateLines()...)
		s.section("streams of scripts", streamLines()...)
		s.section("test runs", testRunLines()...)
		s.section("down", downLines()...)
	})
}

// idleLines need no container.
func idleLines() []line {
	return []line{
		{sh: "docker compose version", out: `^Docker Compose version v\d+\.\d+\.\d+`},
		{sh: "docker compose version --short", out: `\A\d+\.\d+\.\d+\S*\n\z`},
		{sh: "docker compose version --format json | jq -r .version", out: `^v\d+\.`},
		{sh: "docker compose --version", out: `^Docker Compose version v`},
		{sh: "docker compose", out: `^Usage: +docker[ -]compose \[OPTIONS\] COMMAND$`},
		{sh: "docker compose --help | head -1", out: `^Usage: +docker[ -]compose `},
		{sh: "docker compose up --help", out: `--detach`},
		{sh: "docker compose help up", out: `--detach`},
		{sh: "docker compose config -q", out: nothing, err: nothing},
		{sh: "docker compose config --quiet && echo valid", out: `\Avalid\n\z`},
		{sh: "docker compose config --services", out: `\Adb\nweb\n\z`},
		{sh: "docker compose config --profiles", out: `\Abuild\ntest\n\z`},
		{sh: "docker compose config --volumes", out: `\Adata\n\z`},
		{sh: "docker compose config --images | sort", out: `\Aberth-test/app:latest\nberth-test/busybox:latest\n\z`},
		{sh: "docker compose config --hash '*' | awk '{print $1}'", out: `\Adb\nweb\n\z`},
		{sh: "docker compose config --hash web", out: `\Aweb [0-9a-f]{64}\n\z`},
		{sh: "docker compose config --format json | jq -r '.services|keys|join(\",\")'", out: `\Adb,web\n\z`},
		{sh: "docker compose config --no-interpolate | grep MSG", out: `MSG: \$\{MSG:-hello\}`},
		{sh: "docker compose config -o resolved.yaml && docker compose -f resolved.yaml config -q"},
		{sh: "docker compose config | docker compose -f - config --services", out: `\Adb\nweb\n\z`},
		{sh: "docker compose -f - config --services < compose.yaml", out: `\Adb\nweb\n\z`},
		{sh: "docker compose convert -q"},
		{sh: "docker compose --profile '*' config --services | sort", out: `\Adb\ntests\ntool\nweb\n\z`},
		{sh: "docker compose --profile test --profile build config --services | wc -l", out: `^4$`},
		{sh: "COMPOSE_PROFILES=test,build docker compose config --services | wc -l", out: `^4$`},
		{sh: "COMPOSE_FILE=compose.yaml:more.yaml COMPOSE_PROFILES=x docker compose config --services | sort", out: `\Adb\nextra\nweb\n\z`},
		{sh: "COMPOSE_FILE=compose.yaml,more.yaml COMPOSE_PATH_SEPARATOR=, docker compose config | grep MORE", out: `MORE: ['"]yes['"]`},
		{sh: "docker compose -f compose.yaml -f more.yaml config | grep MORE", out: `MORE: ['"]yes['"]`},
		{sh: "docker compose --env-file a.env --env-file b.env config | grep MSG", out: `MSG: second`},
		{sh: "MSG=shell docker compose --env-file a.env config | grep MSG", out: `MSG: shell`},
		{sh: "COMPOSE_ENV_FILES=a.env docker compose config | grep MSG", out: `MSG: first`},
		{sh: "docker compose --env-file missing.env config", code: 1, err: `env file \S*missing\.env not found`},
		{sh: "mkdir -p sub && cd sub && docker compose config --services", out: `^web$`},
		{sh: "D=$PWD; cd / && docker compose --project-directory $D config --services", out: `^web$`},
		{sh: "D=$PWD; cd / && docker compose -f $D/compose.yaml config --services", out: `^web$`},
		{sh: "cd / && docker compose config", code: 1, err: `no configuration file provided: not found`},
		{sh: "docker compose -p named config | head -1", out: `^name: named$`},
		{sh: "docker compose --dry-run up -d", err: `DRY-RUN MODE - +Container \S+-web-1 `},
		{sh: "docker compose ps -q", out: nothing},
		{sh: "docker compose ps --format json", out: nothing},
		{sh: "docker compose exec -T db true", code: 1, err: `service "db" is not running`},
		{sh: "docker compose port web 8080", code: 1, err: `service "web" is not running|no container`},
		{sh: "docker compose up -d nosuch", code: 1, err: `no such service: nosuch`},
		{sh: "docker compose logs nosuch", code: 1, err: `no such service: nosuch`},
		{sh: "docker compose stop && docker compose down", err: `(?s).*`},
		{sh: "docker compose nosuch || echo failed", out: `^failed$`, err: `nosuch`},
		{sh: "docker compose up --nosuch || echo failed", out: `^failed$`, err: `--nosuch(.|\n)*Usage:`},
	}
}

// upLines start the project and look at it.
func upLines() []line {
	return []line{
		{sh: "docker compose up -d --wait --wait-timeout 60", out: nothing, err: `Container \S+-db-1 Healthy`},
		{sh: "docker compose up -d && echo again", out: `\Aagain\n\z`},
		{sh: "docker compose up --detach --quiet-pull --no-build --no-recreate --remove-orphans"},
		{sh: "docker compose up -d --no-color --timeout 5 --pull missing web"},
		{sh: "docker compose ps -q web", out: `\A[0-9a-f]{64}\n\z`},
		{sh: "docker inspect -f '{{.State.Status}}' $(docker compose ps -q)", out: `\Arunning\nrunning\n\z`},
		{sh: "docker compose ps", out: `^NAME .* PORTS$`},
		{sh: "docker compose ps -a --services | sort", out: `\Adb\nweb\n\z`},
		{sh: "docker compose ps --services --filter status=running | grep -x db", out: `^db$`},
		{sh: "docker compose ps --status exited -q", out: nothing},
		{sh: "docker compose ps --format json | jq -r 'select(.Health==\"healthy\")|.Service'", out: `\Adb\n\z`},
		{sh: "docker compose ps --format json web | jq -r '.Publishers[0].TargetPort,.State,.ExitCode'", out: `\A8080\nrunning\n0\n\z`},
		{sh: "docker compose ps --format '{{.Service}}={{.State}}'", out: `\Adb=running\nweb=running\n\z`},
		{sh: "docker compose ps --format 'table {{.Service}}\t{{.Status}}'", out: `\ASERVICE +STATUS\n`},
		{sh: "docker compose port web 8080", out: `\A127\.0\.0\.1:\d+\n\z`},
		{sh: "docker compose port --protocol tcp web 8080 | cut -d: -f2", out: `\A\d+\n\z`},
		{sh: "wget -q -O - http://$(docker compose port web 8080)/health"},
		{sh: "docker compose port web 9999", code: 1},
		{sh: "docker compose logs --no-color --tail=50 web", out: `\Aweb-1  \| serving on :8080\n\z`, err: nothing},
		{sh: "docker compose logs --no-log-prefix db 2>/dev/null | sort", out: `\Anote\nready\n\z`},
		{sh: "docker compose logs db | grep note", out: `^db-1  \| note$`},
		{sh: "docker compose logs db 2>&1 >/dev/null", out: nothing},
		{sh: "docker compose logs > all.log 2>&1; grep -c . all.log", out: `\A3\n\z`},
		{sh: "docker compose logs -t --since 5m --tail 1 web", out: `\Aweb-1  \| \d{4}-\S+Z serving`},
		{sh: "timeout -s INT 2 docker compose logs -f db", code: 124, out: `ready`},
		{sh: "docker compose -p $COMPOSE_PROJECT_NAME ls --format json | jq -r '.[].Name' | grep -x $COMPOSE_PROJECT_NAME", out: `.`},
		{sh: "docker compose ls -q --filter name=$COMPOSE_PROJECT_NAME | wc -l", out: `\A1\n\z`},
		{sh: "docker compose ls --filter name=$COMPOSE_PROJECT_NAME", out: `running\(2\) +\S+/compose\.yaml`},
		{sh: "docker compose images -q | sort -u | wc -l", out: `\A2\n\z`},
		{sh: "docker compose images --format json | jq -r '.[].Repository' | sort", out: `\Aberth-test/app\nberth-test/busybox\n\z`},
		{sh: "docker compose top", out: `(?s)\ASERVICE +# +UID.*\ndb +1 .*\nweb +1 .*/app serve`},
		{sh: "docker compose volumes -q", out: `_data$`},
		{sh: "docker compose stats --no-stream --format '{{.Name}}'", out: `-db-1\n\S+-web-1$`},
		{sh: "cd / && docker compose -p $COMPOSE_PROJECT_NAME ps -q | wc -l", out: `\A2\n\z`},
		{sh: "for i in 1 2 3 4 5; do docker compose ps --format '{{.Health}}' db | grep -q healthy && break; sleep 1; done; echo $i", out: `\A[1-5]\n\z`},
	}
}

// execLines run commands in containers that exist and in new ones.
func execLines() []line {
	return []line{
		{sh: "docker compose exec -T db sh -c 'echo out; echo err >&2; exit 7'", code: 7, out: `\Aout\n\z`, err: `\Aerr\n\z`},
		{sh: "docker compose exec db echo no terminal", out: `\Ano terminal\n\z`},
		{sh: "docker compose exec -it db echo still", out: `\Astill\n\z`},
		{sh: "docker compose exec --no-TTY db echo old name", out: `\Aold name\n\z`},
		{sh: "echo 'select 1' | docker compose exec -T db cat", out: `\Aselect 1\n\z`},
		{sh: "head -c 3000000 /dev/zero | docker compose exec -T db wc -c", out: `\A3000000\n\z`},
		// Older ones hand a file of their own on as standard input.
		{sh: "docker compose exec -T db cat <&-", out: nothing, cli: 23},
		{sh: "docker compose exec -T -e A=b -u nobody -w /tmp db sh -c 'echo $A; id -un; pwd'", out: `\Ab\nnobody\n/tmp\n\z`},
		{sh: "docker compose exec -T --index=1 db hostname", out: `\A[0-9a-f]{12}\n\z`},
		{sh: "docker compose exec -T db nosuch", code: 127},
		{sh: "docker compose exec -T db /etc", code: 126},
		{sh: "docker compose exec -d db sh -c 'echo yes > /tmp/detached'; sleep 1; docker compose exec -T db cat /tmp/detached", out: `\Ayes\n\z`},
		{sh: "docker compose exec -T nosuch true", code: 1, err: `no such service: nosuch`},
		{sh: "docker compose run --rm db echo one-off", out: `\Aone-off\n\z`},
		{sh: "docker compose run --rm -T db sh -c 'exit 9'", code: 9},
		{sh: "docker compose run --rm --no-deps -e A=b --entrypoint sh web -c true", code: 127},
		{sh: "docker compose run --rm -T --no-deps -e A=b db sh -c 'echo $A'", out: `\Ab\n\z`},
		{sh: "echo in | docker compose run --rm -T db cat", out: `\Ain\n\z`},
		{sh: "docker compose run --rm -v $PWD:/src:ro -w /src db cat a.env", out: `\AMSG=first\n\z`},
		{sh: "docker compose run --quiet-pull --rm --entrypoint echo db a b", out: `\Aa b\n\z`},
		{sh: "docker compose run -d --name $COMPOSE_PROJECT_NAME-one --rm db sleep 100", out: `[0-9a-f]{12}`},
		{sh: "docker rm -f $COMPOSE_PROJECT_NAME-one"},
		{sh: "docker compose run --rm --build tool sh -c 'echo $FLAVOUR'", out: `(?s)plain\n\z`},
		{sh: "docker compose --profile build build --build-arg FLAVOUR=sweet --progress plain tool && docker compose run --rm tool sh -c 'echo $FLAVOUR'", out: `(?s)sweet\n\z`},
		{sh: "docker compose build --quiet tool > /dev/null"},
		{sh: "docker compose ps -a -q --no-trunc | wc -l", out: `\A2\n\z`},
	}
}

// copyLines move files.
func copyLines() []line {
	return []line{
		{sh: "docker compose cp a.env db:/tmp/a.env && docker compose exec -T db cat /tmp/a.env", out: `\AMSG=first\n\z`},
		{sh: "docker compose cp db:/tmp/a.env out.env && cmp a.env out.env", out: nothing},
		{sh: "docker compose cp db:/tmp/a.env - | tar -xOf -", out: `\AMSG=first\n\z`},
		{sh: "tar -c b.env | docker compose cp - db:/root && docker compose exec -T db cat /root/b.env", out: `\AMSG=second\n\z`},
		{sh: "docker compose cp db:/nosuch .", code: 1, err: `(?i)nosuch`},
		{sh: "docker compose cp web:/etc/passwd passwd && grep -c root passwd", out: `\A\d+\n\z`},
		{sh: "docker compose export db | tar -tf - | grep -x bin/busybox", out: `.`},
	}
}
