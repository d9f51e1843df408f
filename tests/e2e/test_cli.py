"""The command line against a running gateway: what it prints, and its exit status."""

import json
import subprocess

import pytest
import yaml

from gateway import BINARY, Gateway, merge, one_model
from upstream import Upstream, refused_url, response
from waiting import wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"
DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    upstream = Upstream(answer=response(b"ok"))
    gateway = Gateway(tmp_path_factory.mktemp("cli"), one_model(upstream.url, upstream.url, 50))
    yield gateway
    gateway.finish()
    upstream.close()


def run(*arguments, gateway=None, environment=None):
    command = [BINARY, *arguments]
    if gateway:
        command += ["--admin", "http://%s:%d" % gateway.admin]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env=environment)


def test_version_says_which_build_it_is():
    plain, parsed = run("version"), run("version", "--json")
    assert plain.returncode == DONE
    assert "canary-gateway" in plain.stdout
    assert json.loads(parsed.stdout)["version"] in plain.stdout


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["status"], ["set"], ["resume"],
                                     ["rollback"], ["version"]])
def test_every_command_has_help(command):
    help_text = run(*command, "--help")
    assert help_text.returncode == DONE
    assert "usage" in help_text.stdout.lower()


@pytest.mark.parametrize("command", [["frobnicate"], ["status", "--frobnicate"], ["set"], ["run"],
                                     ["set", V2, "lots"], ["set", V2, "101"], ["resume"],
                                     ["resume", "comp-critic"]])
def test_a_wrong_command_line_is_2(command, gateway):
    needs_admin = command[0] in ("set", "resume") and len(command) > 1
    result = run(*command, gateway=gateway if needs_admin else None)
    assert result.returncode == USAGE, result
    assert result.stderr


def test_version_and_help_in_every_spelling():
    version = run("version").stdout
    for arguments in (["--version"], ["-V"]):
        said = run(*arguments)
        assert (said.returncode, said.stdout) == (DONE, version)
    listing = run("--help")
    assert listing.returncode == DONE and "rollback" in listing.stdout
    for arguments in (["help"], ["-h"]):
        said = run(*arguments)
        assert (said.returncode, said.stdout) == (DONE, listing.stdout)
    for command in ("run", "check", "history", "help"):
        said = run("help", command)
        assert said.returncode == DONE and command in said.stdout


@pytest.mark.parametrize("words, likely", [(["stauts"], "status"), (["rolback", "m"], "rollback"),
                                           (["help", "chek"], "check"), (["repotr"], "report"),
                                           (["qqqqqqqq"], None), ([], None)])
def test_a_mistyped_command_is_answered_with_the_likely_one(words, likely):
    said = run(*words)
    assert said.returncode == USAGE
    assert (f"did you mean {likely}?" if likely else "canary-gateway help") in said.stderr
    assert "subcommand" not in said.stderr
    escape = run("st\x1b[31mtus\u202e")
    assert escape.returncode == USAGE and "\x1b" not in escape.stderr and "\u202e" not in escape.stderr


def test_an_unknown_model_or_version_is_answered_with_those_there_are(gateway):
    for arguments in (["history", "comp-critc"], ["report", "comp-critc"],
                      ["pause", "comp-critc", "--reason", "x"], ["set", "comp-critic_v3", "1"]):
        said = run(*arguments, gateway=gateway)
        assert said.returncode == REFUSED, said
        assert "did you mean comp-critic" in said.stderr
    assert run("history", "comp-critic", gateway=gateway).returncode == DONE


PORT_OF_NOBODY = ["--admin", "http://127.0.0.1:1"]
EXIT_STATUSES = [  # docs/cli.md, row by row; GATEWAY stands for --admin of a running one
    (["help"], DONE), (["version"], DONE), (["status", "GATEWAY"], DONE),
    (["history", "GATEWAY"], DONE), (["report", "comp-critic", "GATEWAY"], DONE),
    (["report", "nobody", "GATEWAY"], REFUSED), (["history", "nobody", "GATEWAY"], REFUSED),
    (["resume", "comp-critic", "--reason", "x", "GATEWAY"], REFUSED),  # nothing to do
    (["set", "nobody", "1", "GATEWAY"], REFUSED),
    (["pause", "nobody", "--reason", "x", "GATEWAY"], REFUSED),
    ([], USAGE), (["nobody"], USAGE), (["help", "nobody"], USAGE), (["status", "--nobody"], USAGE),
    (["--nobody"], USAGE), (["set", V2, "101", "GATEWAY"], USAGE), (["set", V2, "x", "GATEWAY"], USAGE),
    (["set", V2, "1", "--by", "", "GATEWAY"], USAGE),
    (["history", "--limit", "0", "GATEWAY"], USAGE), (["history", "--limit", "1001", "GATEWAY"], USAGE),
    (["history", "--limit", "x", "GATEWAY"], USAGE), (["pause", "comp-critic", "GATEWAY"], USAGE),
    (["status", "--admin", "gateway"], USAGE), (["status", "--token-file", "/none", "GATEWAY"], USAGE),
    (["status", *PORT_OF_NOBODY], UNREACHABLE), (["history", *PORT_OF_NOBODY], UNREACHABLE),
    (["check", "/none"], 2), (["check"], 2), (["run"], 2), (["run", "-c", "/none", "--state-dir", "TMP"], 2),
    (["rehearse", "-c", "/none", "-s", "/none"], 2),
]


@pytest.mark.parametrize("arguments, status", EXIT_STATUSES, ids=lambda value: str(value))
def test_exit_statuses_are_those_of_the_page(arguments, status, gateway, tmp_path):
    admin = ["--admin", "http://%s:%d" % gateway.admin]
    words = []
    for word in arguments:
        words += admin if word == "GATEWAY" else [str(tmp_path / "state") if word == "TMP" else word]
    said = run(*words)
    assert said.returncode == status, said
    assert said.stdout or said.stderr


def test_check_says_what_a_plan_starts_with(tmp_path, upstreams):
    plan = {"phases": [{"percentage": 10, "hold": "7d"}, {"percentage": 50, "hold": "7d"}]}
    path = tmp_path / "g.yaml"
    for percentage, shown in ((None, "stable comp-critic_v1 90%, canary comp-critic_v2 10%"),
                              (5, "stable comp-critic_v1 95%, canary comp-critic_v2 5%")):
        path.write_text(yaml.safe_dump(merge(
            one_model("http://127.0.0.1:1", "http://127.0.0.1:2", percentage, model={"plan": plan}),
            {"models": {"comp-critic": {"canary": {"rollout_percentage": percentage}}}})))
        assert shown in run("check", str(path)).stdout
        assert json.loads(run("check", "--json", str(path)).stdout)["models"][0]["starts_at"] == (
            percentage or 10)


def test_status_for_people_and_for_programs(gateway):
    people = run("status", gateway=gateway)
    assert people.returncode == DONE
    for word in ("comp-critic", V1, V2, "50"):
        assert word in people.stdout, people.stdout
    assert "\x1b[" not in people.stdout, "no colour into a pipe"
    programs = json.loads(run("status", "--json", gateway=gateway).stdout)
    assert programs["models"][0]["weight"]["effective"] == 50


def test_set_and_what_limits_it(gateway):
    result = run("set", V2, "20%", gateway=gateway)
    assert result.returncode == DONE, result
    assert "20" in result.stdout
    assert gateway.model()["weight"]["flag"] == 20
    assert run("set", "nobody", "20", gateway=gateway).returncode == REFUSED
    assert json.loads(run("set", V2, "100", "--json", gateway=gateway).stdout)["effective"] == 50


def test_rollback_and_resume(gateway):
    rollback = run("rollback", "comp-critic", "--by", "anna", "--reason", "odd prices",
                   gateway=gateway)
    assert rollback.returncode == DONE, rollback
    assert gateway.model_version() == {"model": V1}
    refused = run("set", V2, "10", gateway=gateway)
    assert refused.returncode == REFUSED
    assert "resume" in refused.stderr
    history = run("history", gateway=gateway)
    assert history.returncode == DONE
    assert "anna" in history.stdout
    assert "odd prices" in history.stdout
    resume = run("resume", "comp-critic", "--by", "anna", "--reason", "mended", gateway=gateway)
    assert resume.returncode == DONE, resume
    wait_until(lambda: "canary" in gateway.model_version())
    assert run("resume", "comp-critic", "--reason", "again", gateway=gateway).returncode == REFUSED
    assert run("rollback", "nobody", "--reason", "x", gateway=gateway).returncode == REFUSED


def test_the_admin_url_may_come_from_the_environment(gateway):
    environment = {"CANARY_GATEWAY_ADMIN": "http://%s:%d" % gateway.admin}
    assert run("status", environment=environment).returncode == DONE


def test_a_gateway_that_is_not_there_is_3():
    url, holder = refused_url()
    for command in (["status"], ["set", V2, "5"], ["resume", "m", "--reason", "x"]):
        result = run(*command, "--admin", url)
        assert result.returncode == UNREACHABLE, result
        assert url in result.stderr
    holder.close()


def test_check_accepts_the_files_that_are_shipped():
    import pathlib

    for path in sorted((pathlib.Path(__file__).parents[2] / "config").glob("*.yaml")):
        result = run("check", "-c", str(path))
        assert result.returncode == DONE, result.stdout + result.stderr


def test_check_tells_every_error_with_its_place(tmp_path):
    config = merge(one_model("http://127.0.0.1:1", "ftp://x", 101), {"modles": 1})
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    result = run("check", "-c", str(path))
    assert result.returncode == USAGE
    told = result.stdout + result.stderr
    for word in ("modles", "rollout_percentage", "endpoints", "wrong.yaml:"):
        assert word in told, told
    errors = json.loads(run("check", "-c", str(path), "--json").stdout)["errors"]
    assert len(errors) >= 3
    assert all(error["line"] > 0 and error["column"] > 0 and error["expected"] for error in errors)
    assert run("check", "-c", str(tmp_path / "absent.yaml")).returncode == USAGE


def test_a_token_is_read_from_its_file(gateways, upstreams, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    gateway = gateways(one_model(upstreams().url, admin={"token_file": str(token)}))
    without = run("status", gateway=gateway)
    assert without.returncode == REFUSED, without
    assert "give --token-file" in without.stderr
    other = tmp_path / "other"
    other.write_text("f" * 32 + "\n")
    other.chmod(0o600)
    wrong = run("status", "--token-file", str(other), gateway=gateway)
    assert wrong.returncode == REFUSED and "is not this gateway's" in wrong.stderr
    assert run("status", "--token-file", str(token), gateway=gateway).returncode == DONE
    absent = run("status", "--token-file", str(tmp_path / "absent"), gateway=gateway)
    assert absent.returncode == USAGE


SECRET = "SECRETTOKEN"
HOOK = f"http://me:{SECRET}@127.0.0.1:1/{SECRET}?k={SECRET}"


@pytest.mark.parametrize("words, named", [
    ([SECRET], "unknown command"), ([HOOK], "unknown command"), (["help", SECRET], "unknown command"),
    (["--token", SECRET, "status"], "--token"), (["--" + SECRET], "(not shown)"),
    (["status", "--token", SECRET], "--token"), (["status", f"--token={SECRET}"], "--token"),
    (["status", f"-t{SECRET}"], "(not shown)"), (["status", "--" + SECRET, "x"], "(not shown)"),
    (["status", SECRET], "more words"), (["status", HOOK, HOOK], "more words"),
    (["latches", f"--json={SECRET}"], "--json"), (["check", "a", SECRET], "more words"),
    (["status", "--admin", HOOK], "--admin"), (["status", "--admin", SECRET], "--admin"),
    (["status", "--admin", f"ftp://me:{SECRET}@h"], "--admin"),
    (["status", "--token-file", SECRET], "--token-file"),
    (["set", V2, SECRET], "PERCENT"), (["set", V2, f"1{SECRET}"], "PERCENT"),
    (["history", "--limit", SECRET], "--limit"), (["history", f"--limit=1{SECRET}"], "--limit"),
    (["rehearse", "-c", "/none", "-s", "/none", "--seed", SECRET], "--seed"),
    (["rehearse", "-c", "/none", "-s", "/none", "--duration", SECRET], "--duration"),
    (["run", "-c", "/none", "--drain-timeout", SECRET], "--drain-timeout"),
    (["run", "-c", "/none", f"--takeover={SECRET}"], "--takeover"),
    (["pause", "m", "--reason", HOOK, "--bye", SECRET], "--bye")])
def test_a_wrong_command_line_is_told_without_its_values(words, named):
    for json_wanted in ([], ["--json"]) if words[0] in ("status", "set", "history") else ([],):
        said = run(*words, *json_wanted)
        assert said.returncode == USAGE, said
        assert SECRET not in said.stdout + said.stderr
        assert named in said.stdout + said.stderr
        assert (said.stdout + said.stderr).count("\n") == 1


def test_a_url_in_the_place_of_a_file_is_cut():
    for words in (["check", HOOK], ["check", HOOK, "--json"], ["rehearse", "-c", HOOK, "-s", "x"],
                  ["rehearse", "-c", HOOK, "-s", "x", "--json"]):
        said = run(*words)
        assert said.returncode == USAGE
        assert SECRET not in said.stdout + said.stderr and "127.0.0.1" in said.stdout + said.stderr


def test_check_needs_one_file_and_its_help_says_so():
    said = run("help", "check").stdout
    assert "FILE, or -c FILE" in said and "REQUIRED" not in said
    assert run("check").returncode == USAGE


def test_help_shows_no_secret_of_the_environment():
    said = run("status", "--help", environment={"CANARY_GATEWAY_ADMIN": HOOK})
    assert said.returncode == DONE
    assert SECRET not in said.stdout and "http://127.0.0.1:1" in said.stdout
    said = run("status", environment={"CANARY_GATEWAY_ADMIN": HOOK})
    assert said.returncode == USAGE and SECRET not in said.stdout + said.stderr
