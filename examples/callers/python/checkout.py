#!/usr/bin/env python3
"""Opens a Drop-In session and pays an order through the PayerMax sidecar.

    PAYERMAX_URL=http://127.0.0.1:8080 ./checkout.py [outTradeNo [currency]]

PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock.
Needs Python 3.9 and nothing else; this program holds no key.
"""

import http.client
import json
import os
import socket
import sys
import time
from urllib.parse import urlsplit

PAYERMAX_URL = os.environ.get("PAYERMAX_URL", "http://127.0.0.1:8080")
TIMEOUT = 35  # seconds; longer than the sidecar's own timeout, or its answer is lost
ATTEMPTS = 3

# Codes of PayerMax's that do not say what became of an order.
UNDECIDED = ("SYSTEM_ERROR", "UNEXPECTED_ERROR", "REQUEST_TIMEOUT", "ORDER_REPEAT")


class Refused(Exception):
    """The request must be changed before it is sent again."""


class NotSent(Exception):
    """PayerMax has not received the request, so it may be sent again."""

    def __init__(self, code, wait=1.0):
        super().__init__(code)
        self.wait = wait


class OutcomeUnknown(Exception):
    """PayerMax may have done what was asked, or not."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, whose path is all that is needed to reach it."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connect():
    # http.client, unlike urllib, asks no proxy and follows no redirect: calls to
    # the sidecar stay on this machine.
    if PAYERMAX_URL.startswith("unix:"):
        return UnixConnection(PAYERMAX_URL[len("unix:"):], TIMEOUT)
    url = urlsplit(PAYERMAX_URL)
    return http.client.HTTPConnection(url.hostname, url.port or 80, timeout=TIMEOUT)


def call(endpoint, data):
    """Makes one call and returns PayerMax's answer."""
    connection = connect()
    try:
        connection.connect()
    except OSError as error:
        raise NotSent("the sidecar is not there") from error
    try:
        connection.request(
            "POST",
            "/aggregate-pay/api/gateway/" + endpoint,
            json.dumps({"data": data}).encode(),
            {"Content-Type": "application/json"},
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        code = answer["code"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise OutcomeUnknown(type(error).__name__) from error
    finally:
        connection.close()

    proxy_status = response.getheader("Proxy-Status", "")
    if "caddy-payermax" not in proxy_status:
        raise OutcomeUnknown("no answer of PayerMax's")

    # error= in Proxy-Status tells the sidecar's own answers from PayerMax's, which
    # have the status 200 if they say what became of the call.
    if "error=" not in proxy_status:
        if response.status != 200 or code in UNDECIDED:
            raise OutcomeUnknown(code)
        return answer
    if code == "SYSTEM_ERROR":
        raise NotSent(code, float(response.getheader("Retry-After", "1")))
    if code in ("REQUEST_TIMEOUT", "CHECK_SIGN_ERROR"):
        raise OutcomeUnknown(code)
    lines = [f"{code}: {answer['msg']}"]
    lines += [f"  {e['field']}: {e['message']}" for e in answer.get("errors", [])]
    raise Refused("\n".join(lines))


def repeat(endpoint, data):
    """Calls an endpoint that does no harm twice: a session, a query."""
    for attempt in range(ATTEMPTS):
        try:
            return call(endpoint, data)
        except (NotSent, OutcomeUnknown) as failure:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(getattr(failure, "wait", 1.0))


def pay(order):
    """Pays an order once, whatever happens to the answers.

    After an unknown outcome the order may have been paid. So PayerMax is asked
    first, and only an order that it does not know is sent again: under the same
    outTradeNo, which PayerMax accepts once. If the first request was only slow,
    the answer to the second is ORDER_REPEAT. A new outTradeNo could take the
    buyer's money twice.
    """
    number = order["outTradeNo"]
    last = None
    for _ in range(ATTEMPTS):
        try:
            return call("orderAndPay", order)
        except NotSent as failure:
            last = last or failure
            time.sleep(failure.wait)
            continue
        except OutcomeUnknown as failure:
            last = failure
            print(f"order {number}: outcome unknown ({failure}), asking PayerMax")
        try:
            answer = repeat("orderQuery", {"outTradeNo": number})
        except (NotSent, Refused) as failure:  # of the question, not of the order
            raise OutcomeUnknown(failure) from failure
        if answer["code"] == "APPLY_SUCCESS":
            return answer
        if answer["code"] != "ORDER_NOT_EXIST":
            raise OutcomeUnknown(answer["code"])  # this is about the question
        print(f"order {number}: not there, sending it again")
    raise last


def main():
    number = sys.argv[1] if len(sys.argv) > 1 else f"P{time.time_ns()}"
    currency = sys.argv[2] if len(sys.argv) > 2 else "IDR"

    session = repeat("applyDropinSession", {
        "totalAmount": 10000,
        "currency": currency,
        "country": "ID",
        "userId": "U10001",
        "componentList": ["CARD"],
    })
    if session["code"] != "APPLY_SUCCESS":
        sys.exit(f"no session: {session['code']}")
    print("session:", session["data"]["sessionKey"])

    answer = pay({
        "outTradeNo": number,
        "integrate": "Direct_Payment",
        "subject": "One coffee",
        "totalAmount": 10000,
        "currency": currency,
        "country": "ID",
        "userId": "U10001",
        "terminalType": "WEB",
        "paymentDetail": {
            # From the Drop-In component in the buyer's browser.
            "paymentToken": "332e4cc1af1740aeafe9e7df82aeb5a1",
            "sessionKey": session["data"]["sessionKey"],
            "buyerInfo": {"clientIp": "59.82.59.92", "userAgent": "Chrome"},
        },
    })
    # APPLY_SUCCESS says that PayerMax took the request; data.status, whether the
    # order was paid. PENDING has a redirectUrl, or is followed by a notification.
    if answer["code"] == "APPLY_SUCCESS":
        print(f"order {number}: {answer['data']['status']}")
    else:
        print(f"order {number}: {answer['code']}")


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except NotSent as failure:
        sys.exit(f"not sent: {failure}")
    except OutcomeUnknown as unknown:
        sys.exit(f"outcome unknown: {unknown}")
