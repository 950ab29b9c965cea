package dropin

// stateLines change what containers do.
func stateLines() []line {
	return []line{
		{sh: "docker compose kill -s SIGHUP db; sleep 1; docker compose logs --no-log-prefix db 2>&1 | grep -c reloaded", out: `\A1\n\z`},
		{sh: "docker compose pause db && docker compose ps --status paused --services", out: `\Adb\n\z`},
		{sh: "docker compose unpause db && docker compose ps --status paused -q", out: nothing},
		{sh: "docker compose restart -t 5 web && docker compose ps --status running --services | wc -l", out: `\A2\n\z`},
		{sh: "docker compose stop -t 5 && docker compose ps --status running -q", out: nothing},
		{sh: "docker compose ps -a --format '{{.Service}} {{.ExitCode}}'", out: `\Adb 0\nweb 0\n\z`},
		{sh: "docker compose start && docker compose ps --services --status running | wc -l", out: `\A2\n\z`},
		{sh: "docker compose up -d --scale web=3 --no-recreate && docker compose ps -q web | wc -l", out: `\A3\n\z`},
		{sh: "docker compose scale web=1 && docker compose ps -q web | wc -l", out: `\A1\n\z`},
		{sh: "docker compose up -d --force-recreate --no-deps web 2>&1 | grep -c Recreated", out: `\A1\n\z`},
		{sh: "MSG=new docker compose up -d 2>&1 | grep -E 'web-1 Recreated'", out: `.`},
		{sh: "docker compose -f compose.yaml -f more.yaml --profile x up -d extra 2>&1 | grep -c 'extra-1 Started'", out: `\A1\n\z`},
		{sh: "docker compose up -d --remove-orphans 2>&1 | grep -c 'extra-1 Removed'", out: `\A1\n\z`},
		{sh: "docker compose create --force-recreate web && docker compose ps -a --format '{{.State}}' web", out: `\Acreated\n\z`},
		{sh: "docker compose rm -fsv web && docker compose ps -aq web", out: `\AGoing to remove .*-web-1\n\z`},
		{sh: "docker compose kill && docker compose ps -a --format '{{.Service}} {{.ExitCode}}'", out: `\Adb 137\n\z`},
	}
}

// streamLines are about inputs, outputs, events and ends of commands.
func streamLines() []line {
	return []line{
		{sh: "docker compose up -d --wait </dev/null >/dev/null 2>&1"},
		{sh: "docker compose ps <&- | head -1", out: `^NAME`},
		{sh: "docker compose config | head -1; echo ok", out: `ok$`, err: nothing},
		{sh: "docker compose up -d >&-", err: `Running`},
		{sh: "docker compose --progress quiet up -d --force-recreate web", out: nothing, err: nothing},
		{sh: "docker compose --progress plain up -d 2>&1 | grep -c Running", out: `\A2\n\z`},
		{sh: "docker compose --progress json up -d 2>&1 | jq -r .status | sort -u", out: `Running`},
		{sh: "docker compose --ansi never up -d --force-recreate web 2>&1 | grep -c \"$(printf '\\033')\"", code: 1},
		{sh: "COMPOSE_PROGRESS=quiet docker compose up -d", err: nothing},
		{sh: "COMPOSE_STATUS_STDOUT=1 docker compose up -d", out: `Running`, err: nothing},
		{sh: "docker compose events --json > events.log & p=$!; sleep 1; docker compose restart -t 1 web 2>/dev/null; sleep 1; kill -INT $p 2>/dev/null; jq -r 'select(.service==\"web\")|.action' < events.log | sort -u", out: `(?s)die.*start`, cli: 25}, // that tells its plugin of the signal
		{sh: "docker compose wait web > code & sleep 1; docker compose stop -t 5 web 2>/dev/null; wait $!; echo $?; grep -c . code", out: `\A0\n1\n\z`},
		{sh: "timeout 60 docker compose up -d --wait && echo within", out: `\Awithin\n\z`},
		{sh: "docker compose stop -t 5 web && docker compose up --no-color --no-log-prefix", until: "serving on", code: 130, out: `^serving on :8080$`},
		{sh: "timeout -s INT 3 docker compose up", code: 124, out: `^db-1 exited with code 0$`},
		{sh: "timeout -s TERM 3 docker compose up", code: 124, out: `^db-1 exited with code 0$`},
		{sh: "set -e; trap 'docker compose down -t 1 2>/dev/null; echo cleaned' EXIT; docker compose up -d --wait 2>/dev/null; docker compose exec -T db sh -c 'exit 4'", code: 4, out: `\Acleaned\n\z`},
	}
}

// testRunLines are how test suites are run.
func testRunLines() []line {
	return []line{
		{sh: "TESTS_EXIT=3 docker compose --profile test up --abort-on-container-exit --exit-code-from tests", code: 3, out: `^tests-1  \| testing$`},
		{sh: "docker compose --profile test up --abort-on-container-exit --exit-code-from tests", out: `^tests-1 exited with code 0$`},
		{sh: "TESTS_EXIT=5 docker compose --profile test up --exit-code-from tests --attach tests", code: 5},
		{sh: "TESTS_EXIT=6 docker compose --profile test up --abort-on-container-failure", code: 6},
		{sh: "TESTS_EXIT=8 docker compose run --rm tests", code: 8, out: `\Atesting\n\z`},
		{sh: "docker compose run --rm tests && echo green || echo red", out: `\Atesting\ngreen\n\z`},
		{sh: "docker compose --profile test up -d tests && docker compose wait tests; docker compose ps -a --format '{{.ExitCode}}' tests", out: `0\n\z`},
		{sh: "docker compose --profile test logs --no-log-prefix tests", out: `testing`},
	}
}

// downLines take the project down, and again.
func downLines() []line {
	return []line{
		{sh: "docker compose --profile '*' down -v --remove-orphans --rmi local", err: `(?s)Volume \S+_data Removed`},
		{sh: "docker compose down -v --remove-orphans --rmi local"},
		{sh: "docker compose ps -aq", out: nothing},
		{sh: "docker volume ls -q --filter label=com.docker.compose.project=$COMPOSE_PROJECT_NAME", out: nothing},
		{sh: "docker network ls -q --filter label=com.docker.compose.project=$COMPOSE_PROJECT_NAME", out: nothing},
		{sh: "docker image inspect $COMPOSE_PROJECT_NAME-tool", code: 1},
		{sh: "cd / && docker compose -p $COMPOSE_PROJECT_NAME down"},
	}
}
