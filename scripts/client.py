#!/usr/bin/env python3
"""Calls getdata and putdata with nothing but Python's standard library.

    scripts/client.py get  UUID [--since 'YYYY-MM-DD HH:MM:SS']
    scripts/client.py put  UUID USER DUMP.json

UUID names this caller: 1 to 64 characters, always the same, since the daemon remembers what it has
already told this caller. getdata from this machine itself needs no password; putdata asks for one
(`dunlin users add` makes the user), or reads it from stdin's first line when that is no terminal.

Needs:  Python 3.7 or later and a running daemon. Leaves nothing.
Exits:  0 done, 1 refused, 2 usage, 3 daemon not reachable.
"""

import argparse
import getpass
import json
import os
import sys
import urllib.error
import urllib.request

# Seconds to wait for an answer; a dump of a large shop takes a few.
TIMEOUT = 60


class Refused(Exception):
    """The daemon answered, and the answer is no."""


def call(address, method, params):
    """One JSON-RPC 2.0 call: the result, or an exception with the daemon's own words."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    request = urllib.request.Request(
        address + "/rpc", body.encode(), {"Content-Type": "application/json"}
    )
    # Never through a proxy: behind one, this machine is no longer what the daemon calls local.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=TIMEOUT) as response:
        answer = json.load(response)
    if "error" in answer:
        raise Refused("{code}: {message}".format(**answer["error"]))
    # As since 2009: an answer that is a string says why nothing was done.
    if isinstance(answer["result"], str):
        raise Refused(answer["result"])
    return answer["result"]


def password():
    if sys.stdin.isatty():
        return getpass.getpass()
    return sys.stdin.readline().rstrip("\n")


def main():
    parser = argparse.ArgumentParser(description="Calls getdata and putdata.")
    parser.add_argument("--address", default="http://127.0.0.1:7475")
    verbs = parser.add_subparsers(dest="verb", required=True)
    get = verbs.add_parser("get", help="print what is new since this caller's last get")
    get.add_argument("uuid")
    get.add_argument("--since", help="rows modified or arrived after this time instead (UTC)")
    put = verbs.add_parser("put", help="merge a dump, as get printed it")
    put.add_argument("uuid")
    put.add_argument("user")
    put.add_argument("dump", type=argparse.FileType(encoding="utf-8"))
    asked = parser.parse_args()

    params = {"uuid": asked.uuid, "username": None, "password": None}
    try:
        if asked.verb == "get":
            result = call(asked.address, "getdata", {**params, "timestamp": asked.since})
        else:
            params = {**params, "username": asked.user, "password": password()}
            params["nicedbdump"] = json.load(asked.dump)
            result = call(asked.address, "putdata", params)
    except Refused as refused:
        sys.exit("refused: {}".format(refused))
    except urllib.error.HTTPError as refused:
        sys.exit("refused: HTTP {}".format(refused.code))
    except ValueError as broken:
        sys.exit("not JSON: {}".format(broken))
    except OSError as unreachable:
        print("daemon not reachable: {}".format(unreachable), file=sys.stderr)
        sys.exit(3)
    try:
        print(json.dumps(result, ensure_ascii=False, indent=1), flush=True)
    except BrokenPipeError:
        # The reader went away (`… | head`); Python would complain again when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
