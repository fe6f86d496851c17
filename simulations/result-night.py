#!/usr/bin/env python3
"""A result night's readers against one node, beside nginx serving the same bytes as files, while a cluster takes records.

    cargo build --release --workspace --bin tamga-node --bin election-day
    simulations/result-night.py target/release            # needs wrk and nginx (Debian's); some ten minutes

Four election days run one after the other (3 nodes on this machine, --rate records a second): one without readers, one with
--readers requests a second of a mix, one with as many as wrk can make, address by address, node and nginx in turn, and one with as
many against nginx alone: what the machine's lack of cores costs a cluster that nobody asks anything. What is compared is always
from the same run. docs/PUBLISHING.md says how to read the figures.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CONNECTIONS = 32
# Pages, checkpoint, a tile and a proof, paced: each connection waits between its requests (wrk's documented `delay`).
MIX = """
local paths = {%s}
local at = 0
request = function() at = at %% #paths + 1; return wrk.format("GET", paths[at]) end
delay = function() return %d end
"""
# Leaves spread over the tree, so that no two proofs in a row are the same.
PROOFS = """
local at = 1
request = function() at = (at * 16807) %% 2147483647
  return wrk.format("GET", "/api/v1/proofs/inclusion?leaf=" .. (at %% %d) .. "&size=%d") end
"""


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


class Day:
    """An election day with its own cluster; ended by its own process id."""

    def __init__(self, programs, folder, scale, rate):
        self.folder, self.report = folder, folder.parent / (folder.name + ".json")
        command = [programs / "election-day", "--scale", str(scale), "--nodes", "3", "--rate", str(rate)]
        command += ["--dir", folder, "--report", self.report]
        self.log = open(folder.parent / (folder.name + ".log"), "wb")
        environment = {name: value for name, value in os.environ.items() if name != "CARGO"}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)

    def node(self):
        """Where a node that does not lead at the beginning serves readers, once it does."""
        while self.process.poll() is None:
            log = self.folder / "node-3" / "node.log"
            found = re.search(r"node started .*? public=(\S+)", log.read_text()) if log.exists() else None
            if found:
                return "http://" + found[1]
            time.sleep(0.2)
        sys.exit(f"the day ended early: {self.log.name}")

    def identified(self, node):
        try:
            rows = json.loads(get(node + "/api/v1/turnout"))["nation_cumulative"]
            return rows[-1]["total"]
        except OSError:
            return 0

    def wait_until(self, node, identified):
        while self.identified(node) < identified:
            if self.process.poll() is not None:
                sys.exit(f"the day ended early: {self.log.name}")
            time.sleep(0.2)

    def result(self):
        code = self.process.wait()
        report = json.loads(self.report.read_text())
        return {"exit": code, "verdict_ms": report["verdict_ms"], "identifications": report["identifications"]}

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()


def wrk(url, seconds, script=None):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(script)
            file.flush()
            command += ["-s", file.name]
        said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return {
        "per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]),
        "p99_ms": float(p99[1]) * unit[p99[2]],
        "not_2xx": int(refused[1]) if refused else 0,
    }


class Nginx:
    """The same bytes as files, with what nginx's own documentation advises for static files."""

    def __init__(self, folder):
        self.root = folder / "www"
        self.root.mkdir(parents=True)
        self.folder = folder

    def keep(self, name, body):
        (self.root / name).write_bytes(body)

    def start(self):
        port = free_port()
        # Started by root, nginx would read as somebody who may not look into this folder.
        user = "user root; " if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"""{user}worker_processes auto; daemon off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; open_file_cache max=1000; keepalive_requests 100000000;
  default_type application/octet-stream; server {{ listen 127.0.0.1:{port}; root {self.root}; }} }}"""
        )
        self.process = subprocess.Popen(["nginx", "-c", self.folder / "nginx.conf"], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(50):
            try:
                get(self.url + "/checkpoint")
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("nginx does not serve")

    def end(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def leaves(node):
    return json.loads(get(node + "/api/v1/checkpoint"))["size"]


def files_only(day, folder, seconds, begin):
    """As many requests as can be made of nginx, for as long as `saturated` takes; the node serves nobody."""
    node, nginx = day.node(), Nginx(folder)
    day.wait_until(node, begin)
    nginx.keep("checkpoint", get(node + "/checkpoint"))
    nginx.keep("tile", get(node + "/tile/0/000"))
    nginx.start()
    try:
        for _ in range(6):
            wrk(nginx.url + "/tile", 2 * seconds)
    finally:
        nginx.end()


def saturated(day, folder, seconds, begin):
    """As many requests as can be made, address by address, node and nginx in turn."""
    node, nginx = day.node(), Nginx(folder)
    day.wait_until(node, begin)
    size = leaves(node)
    tile = "/tile/0/000"
    targets = [("overview", "/ru/"), ("station page", "/ru/stations/5"), ("checkpoint", "/checkpoint"), ("tile", tile),
               ("bundle", "/tile/entries/000"), ("proof", f"/api/v1/proofs/inclusion?leaf=4711&size={size}")]
    for name, path in targets:
        nginx.keep(name.replace(" ", "-"), get(node + path))
    nginx.start()
    rows = []
    try:
        for name, path in targets:
            script = PROOFS % (size, size) if name == "proof" else None
            served = wrk(node + path, seconds, script)
            files = wrk(f"{nginx.url}/{name.replace(' ', '-')}", seconds)
            body = len(get(node + path))
            rows.append({"what": name, "bytes": body, "node": served, "nginx": files,
                         "ratio": round(served["per_s"] / files["per_s"], 3)})
            print(f"{name:13} {body:7} bytes  node {served['per_s']:8.0f}/s p99 {served['p99_ms']:7.2f} ms   "
                  f"nginx {files['per_s']:8.0f}/s p99 {files['p99_ms']:7.2f} ms   {rows[-1]['ratio']:.2f} × nginx", flush=True)
    finally:
        nginx.end()
    return rows, day.process.poll() is None and day.identified(node)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=Path, help="the folder with election-day and tamga-node, built with --release")
    parser.add_argument("--scale", type=float, default=0.03)
    parser.add_argument("--rate", type=int, default=500, help="records a second")
    parser.add_argument("--readers", type=int, default=1000, help="requests a second of the mixed day")
    parser.add_argument("--seconds", type=int, default=6, help="for each address and server")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    for program in ("wrk", "nginx"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed (apt-get install {program})")
    folder = Path(tempfile.mkdtemp(prefix="result-night-"))
    report = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0], "rate": given.rate, "readers": given.readers}
    days = []
    try:
        def begin(name):
            days.append(Day(given.programs.resolve(), folder / name, given.scale, given.rate))
            return days[-1]

        report["quiet"] = begin("quiet").result()
        print("no readers       ", report["quiet"]["verdict_ms"], flush=True)

        day = begin("mixed")
        node = day.node()
        day.wait_until(node, 1)
        paths = ["/ru/", "/ru/stations/5", "/checkpoint", "/tile/0/000", "/api/v1/proofs/inclusion?leaf=7", "/api/v1/turnout"]
        mix = MIX % (", ".join(json.dumps(path) for path in paths), max(1, CONNECTIONS * 1000 // given.readers))
        reading = []
        while day.process.poll() is None:
            try:
                reading.append(wrk(node, given.seconds, mix))
            except (subprocess.CalledProcessError, TypeError):
                break  # the day is over, and its nodes with it
        report["mixed"] = day.result() | {"readers": reading}
        print(f"{given.readers} readers/s    ", report["mixed"]["verdict_ms"], flush=True)

        day = begin("saturated")
        rows, identified = saturated(day, folder / "nginx", given.seconds, 5000)
        report["saturated"] = {"rows": rows, "identified_when_done": identified} | day.result()
        print("readers without end", report["saturated"]["verdict_ms"], flush=True)

        day = begin("files")
        files_only(day, folder / "nginx-alone", given.seconds, 5000)
        report["files"] = day.result()
        print("nginx without end  ", report["files"]["verdict_ms"], flush=True)
        for name in ("mixed", "saturated", "files"):
            ratio = report[name]["verdict_ms"]["p99"] / report["quiet"]["verdict_ms"]["p99"]
            print(f"ingestion p99, {name}: {ratio:.2f} × that without readers")
    finally:
        for day in days:
            day.end()
        shutil.rmtree(folder, ignore_errors=True)
    report["load_after"] = os.getloadavg()[0]
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
