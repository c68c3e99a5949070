# SPDX-License-Identifier: MIT
"""What every attack stands on: an attempt, what came back, and what must be in the log; told to the judge, who is on
the other side of standard output and input, and says when to go on."""

import json
import sys

from wire import Connection, Ended, Refusal, secrets

SOCKET, AUTHORITY = sys.argv[1:3]

GREETED = {"what": "hello", "outcome": "allowed"}
GONE = {"what": "connection", "outcome": "ended"}

# Why a message that is none ends its connection, in the log's words.
TOO_LONG = "longer than its kind may be"
TOO_MUCH = "message a size exceeds what is left"
ENDS_EARLY = "message ends in the middle of a field"
AFTER_THE_END = "message has bytes after its end"


def violation(why):
    return {"what": "connection", "outcome": "violation", "says": why}


def refusal(what, reason, says="", line=None):
    return {"what": what, "outcome": "refused", "reason": reason, "says": says, "line": line}


def allowed(what):
    return {"what": what, "outcome": "allowed"}


def done(what):
    return {"what": what, "outcome": "done"}


def tell(name, log, wrong=None, **more):
    """`log`: the lines that the broker must have written, and no other. `wrong`: what the attacker itself saw that
    should not be. `changes`: what an allowed part of the attempt may change. `unordered`: of several connections."""
    print(json.dumps({"attempt": name, "log": log, "wrong": wrong, "secrets": sorted(secrets), **more}), flush=True)
    secrets.clear()
    if sys.stdin.readline() != "on\n":
        sys.exit(1)


def expect_end(connection):
    """None when the broker ends the connection without a word, else what it did instead."""
    try:
        answer = connection.answer()
        return "an answer: %s" % (answer.sentence if isinstance(answer, Refusal) else answer[:40])
    except Ended:
        return None
    except TimeoutError:
        return "silence"


def ends(name, data, why, greet=True, cut=False):
    """The bytes end the connection, with one line in the log that says `why`. `cut`: nothing follows them."""
    connection = Connection(SOCKET)
    if greet:
        connection.greet()
    connection.send(data)
    if cut:
        connection.socket.shutdown(1)
    wrong = expect_end(connection)
    connection.leave()
    tell(name, [GREETED] * greet + [violation(why)], wrong)


def is_refused(name, request, log, says=""):
    """The request is refused, by the last line of `log`, and the connection stays."""
    connection = Connection(SOCKET).greet()
    connection.send(request)
    wrong = None
    try:
        answer = connection.answer()
        expected = log[-1]
        if not isinstance(answer, Refusal):
            wrong = "allowed: %r" % answer[:40]
        elif answer.reason != expected["reason"]:
            wrong = "refused for another reason, %s: %s" % (answer.reason, answer.sentence)
        elif (says or expected["says"]) not in answer.sentence:
            wrong = "refused with another sentence: " + answer.sentence
        elif not answer.sentence.isprintable():
            wrong = "a sentence that cannot be printed: %r" % answer.sentence
    except Ended:
        wrong = "the connection ended"
    except TimeoutError:
        wrong = "silence"
    connection.leave()
    tell(name, [GREETED] + log + [GONE], wrong)
