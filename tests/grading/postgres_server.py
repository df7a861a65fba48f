"""A real PostgreSQL server of the distribution's packages, in a temporary folder, for as long as a test needs it."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PACKAGES = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """Return the folder of the newest server's programs, or None where there is none."""
    found = sorted(PACKAGES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """The server. Its superuser is `course`, with a password; it listens on this machine alone."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.password, self.port = secrets.token_hex(8), _free_port()
        self.url = f"postgresql+psycopg2://course:{self.password}@127.0.0.1:{self.port}/postgres"
        user = pwd.getpwnam("nobody")  # the server refuses to run as root
        self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        (self.folder / "password").write_text(self.password)
        if self._as:
            for path in (self.folder, self.folder / "password"):
                os.chown(path, user.pw_uid, user.pw_gid)
        options = ["-U", "course", "-A", "scram-sha-256", f"--pwfile={self.folder / 'password'}", "--locale=C", "-N"]
        self._run("initdb", "-D", str(self.folder / "data"), "-E", "UTF8", *options)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {"fsync": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": self.port}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self.folder / "data", *words],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._as,
            )
        until = time.monotonic() + 60
        while subprocess.run([programs() / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]).returncode:
            assert time.monotonic() < until and self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once: whoever is connected is cut off."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def close(self) -> None:
        """Stop the server and remove what it has written."""
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([programs() / program, *arguments], check=True, capture_output=True, cwd=self.folder, **self._as)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
