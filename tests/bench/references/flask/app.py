"""The daemon that a site writes for itself: Flask, gunicorn, SQLite, and a signed token for each build.

It is no straw man: one connection a worker, prepared statements, one transaction a report, and a report that was
answered is on disk (synchronous = FULL). It keeps less than the service: no steps, no workflow, no repeats.

    python app.py make FILE JOURNAL BUILDS    makes a database
    python app.py mint BUILDS                 prints a token a build
    python app.py count FILE                  prints how many reports there are
"""

import os
import sqlite3
import sys
import time

import jwt
from flask import Flask, request

SECRET = "a secret of at least thirty-two bytes"
ALGORITHM = "HS256"

SCHEMA = """
CREATE TABLE builds (
    id INTEGER PRIMARY KEY,
    label TEXT NOT NULL,
    status TEXT,
    percentage INTEGER,
    reports INTEGER NOT NULL DEFAULT 0,
    last_report_at REAL
);
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    build_id INTEGER NOT NULL,
    label TEXT NOT NULL,
    status TEXT,
    percentage INTEGER,
    message TEXT,
    logs TEXT,
    received_at REAL NOT NULL
);
CREATE INDEX reports_build_id_idx ON reports (build_id, id);
"""

app = Flask(__name__)
connection = None


def connect(path, journal):
    database = sqlite3.connect(path, timeout=30, isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {journal}")
    database.execute("PRAGMA synchronous = FULL")
    return database


def database():
    """This worker's connection, made on its first request: it must not be carried over a fork."""
    global connection
    if connection is None:
        connection = connect(os.environ["BENCH_DATABASE"], os.environ["BENCH_JOURNAL"])
    return connection


@app.post("/unattended/step")
def step():
    form = request.form
    try:
        build = int(jwt.decode(form["token"], SECRET, algorithms=[ALGORITHM])["sub"])
    except jwt.InvalidTokenError:
        return "this token opens no build\n", 401
    now = time.time()
    state = (form["label"], form.get("status"), form.get("percentage"))
    db = database()
    # At once for writing, so that two workers wait for each other instead of failing.
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(
            "UPDATE builds SET label = ?, status = ?, percentage = ?, reports = reports + 1, last_report_at = ?"
            " WHERE id = ?",
            (*state, now, build),
        )
        db.execute(
            "INSERT INTO reports (build_id, label, status, percentage, message, logs, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (build, *state, form.get("message"), form.get("logs"), now),
        )
        db.execute("COMMIT")
    except sqlite3.Error:
        db.execute("ROLLBACK")
        raise
    return "recorded\n", {"Content-Type": "text/plain; charset=utf-8"}


def make(path, journal, builds):
    db = connect(path, journal)
    db.executescript(SCHEMA)
    db.execute("BEGIN")
    db.executemany("INSERT INTO builds (id, label) VALUES (?, 'pending')", ((n,) for n in range(1, builds + 1)))
    db.execute("COMMIT")


def mint(builds):
    expires = int(time.time()) + 86400
    for build in range(1, builds + 1):
        # All of one length.
        print(jwt.encode({"sub": f"{build:06}", "exp": expires}, SECRET, algorithm=ALGORITHM))


def main(arguments):
    match arguments:
        case ["make", path, journal, builds]:
            make(path, journal, int(builds))
        case ["mint", builds]:
            mint(int(builds))
        case ["count", path]:
            print(sqlite3.connect(path).execute("SELECT count(*) FROM reports").fetchone()[0])
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
