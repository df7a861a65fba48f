"""Over a Dask cluster: the same grades, by the same workers, and no secret in sight."""

import pytest
from example_work import RUNG
from grading_class import DESERVED, grade, results, running, scores, soon

from autograder.grading import cluster
from autograder.grading.settings import GradingError, Settings
from shared.world.splits import HIDDEN_SEED_VARIABLE

SECRET, PASSWORD = "a-seed-that-nobody-may-see", "a-password"


@pytest.mark.slow
def test_a_cluster_gives_the_same_grades_and_tells_no_secret(scene, monkeypatch, capfd):
    from distributed import Client, LocalCluster

    monkeypatch.setenv(HIDDEN_SEED_VARIABLE, SECRET)
    before = set(running("autograder.grading.worker"))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        assert grade(scene, "--scheduler", local.scheduler_address) == 0
        with Client(local) as client:
            logs = repr([client.get_worker_logs(), client.get_scheduler_logs(), client.get_events()])
        assert soon(lambda: set(running("autograder.grading.worker")) <= before)
    assert scores(scene) == DESERVED and results(scene.folder) == {name: [RUNG] for name in DESERVED}
    assert SECRET not in logs and SECRET not in "".join(capfd.readouterr())


def settings(db_url: str = "sqlite:///gradebook.db", **environment: str) -> Settings:
    return Settings("/course", RUNG, "version", db_url=db_url, environment=environment)


def test_settings_show_no_secret():
    shown = repr(settings(f"postgresql+psycopg2://course:{PASSWORD}@host/db", **{HIDDEN_SEED_VARIABLE: SECRET}))
    assert RUNG in shown and SECRET not in shown and PASSWORD not in shown


@pytest.mark.parametrize("address", ["tls://10.0.0.7:8786", "tcp://127.0.0.1:8786", "tcp://localhost:8786"])
def test_secrets_travel_encrypted_or_within_the_machine(address):
    cluster._require_privacy(settings(**{HIDDEN_SEED_VARIABLE: SECRET}), address)


@pytest.mark.parametrize(
    ("told", "secret"),
    [
        (settings(**{HIDDEN_SEED_VARIABLE: SECRET}), "the hidden seed"),
        (settings(f"postgresql+psycopg2://course:{PASSWORD}@host/db"), "the gradebook's password"),
    ],
)
def test_a_secret_does_not_travel_where_others_can_read_it(told, secret):
    with pytest.raises(GradingError, match=f"{secret} would travel unencrypted") as error:
        cluster._require_privacy(told, "tcp://10.0.0.7:8786")
    assert SECRET not in str(error.value) and PASSWORD not in str(error.value)


def test_without_a_secret_any_network_will_do():
    cluster._require_privacy(settings("postgresql+psycopg2://course@host/db"), "tcp://10.0.0.7:8786")


def test_a_machine_that_cannot_grade_says_why(tmp_path):
    assert "does not see the course folder /course" in cluster.unfit(settings())
    other = Settings(str(tmp_path), RUNG, "another version")
    assert "has another version of the course" in cluster.unfit(other)


@pytest.mark.parametrize(
    ("hosts", "line"),
    [
        ({}, "the cluster has no workers yet"),
        ({"tcp://a:1": "a", "tcp://b:1": "b"}, "SQLite serves one machine"),
    ],
)
def test_a_cluster_that_cannot_grade_is_one_line(hosts, line):
    class Machines:
        def run(self, function, *_):
            return hosts if function.__name__ == "gethostname" else dict.fromkeys(hosts, "")

    with pytest.raises(GradingError, match=line):
        cluster._require_fit_machines(Machines(), settings())


def test_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 0.1)
    with pytest.raises(GradingError, match="no scheduler answers"):
        cluster.run_cluster(settings(), ["ada"], "tcp://127.0.0.1:1", print)
