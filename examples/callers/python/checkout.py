#!/usr/bin/env python3
"""Opens a Drop-In session and pays an order through the PayerMax sidecar.

    PAYERMAX_URL=http://127.0.0.1:8080 ./checkout.py [outTradeNo [currency]]

PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock.
Needs Python 3.9 and nothing else; this program holds no key.
"""

import http.client
import json
import os
import secrets
import socket
import sys
import time
from urllib.parse import urlsplit

PAYERMAX_URL = os.environ.get("PAYERMAX_URL", "http://127.0.0.1:8080")
TIMEOUT = 35  # seconds; longer than the sidecar's own timeout, or its answer is lost
ATTEMPTS = 3

# Codes by which PayerMax says that it made no order. After any other there may be one.
NO_ORDER = (
    "PARAMS_INVALID", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID",
    "SIGN_VERIFY_FAILED", "REQ_TIME_OVER_TIME", "MERCHANT_INVALID", "MERCHANT_APP_INVALID",
)

# By which Caddy itself refuses: without a password, and what is too large.
NOT_LET_IN = (401, 413)

# States of an order that are final. PENDING is not: the buyer has to go to
# data.redirectUrl, or a notification will follow.
FINAL = ("SUCCESS", "FAILED", "CLOSED")


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
        proxy_status = response.getheader("Proxy-Status", "")
        body = response.read()
        if response.status in NOT_LET_IN and "caddy-payermax" not in proxy_status:
            raise Refused(f"Caddy answered {response.status} before the sidecar saw the request")
        answer = json.loads(body)
        code = answer["code"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise OutcomeUnknown(type(error).__name__) from error
    finally:
        connection.close()

    if "caddy-payermax" not in proxy_status:
        raise OutcomeUnknown("no answer of PayerMax's")

    # error= in Proxy-Status tells the sidecar's own answers from PayerMax's. What
    # is named here is certain. Whatever else is answered, the outcome is unknown,
    # as it is while another process's call with the same number is under way.
    if "error=" in proxy_status:
        if code in ("SYSTEM_ERROR", "TOO_MANY_REQUEST"):
            raise NotSent(code, float(response.getheader("Retry-After", "1")))
        if 400 <= response.status < 500 and code != "CALL_UNDER_WAY":
            lines = [f"  {e['field']}: {e['message']}" for e in answer.get("errors", [])]
            raise Refused("\n".join([f"{code}: {answer.get('msg')}", *lines]))
    elif response.status == 200:
        if code in ("APPLY_SUCCESS", "ORDER_NOT_EXIST"):
            return answer
        if code in NO_ORDER:
            raise Refused(f"{code}: {answer.get('msg')}")
    raise OutcomeUnknown(code)


def repeat(endpoint, data):
    """Calls an endpoint that does no harm twice: a session, a query."""
    for attempt in range(ATTEMPTS):
        try:
            return call(endpoint, data)
        except (NotSent, OutcomeUnknown) as failure:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(getattr(failure, "wait", 1.0))


def text(answer, name):
    """Returns a text in the answer's data, or an empty one."""
    data = answer.get("data")
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else ""


def final_status(answer):
    """Returns the order's status, if the answer says what became of the order."""
    status = text(answer, "status")
    if answer["code"] != "APPLY_SUCCESS" or status not in FINAL:
        raise OutcomeUnknown(status or answer["code"])
    return status


def pay(order):
    """Pays an order once, whatever happens to the answers, and returns its status.

    After an unknown outcome the order may have been paid. So PayerMax is asked
    first, and only an order that it does not know is sent again: under the same
    outTradeNo, which PayerMax accepts once. If the first request was only slow,
    the answer to the second is ORDER_REPEAT. A new outTradeNo could take the
    buyer's money twice.
    """
    number = order["outTradeNo"]
    unknown = not_sent = None
    for _ in range(ATTEMPTS):
        try:
            return final_status(call("orderAndPay", order))
        except OutcomeUnknown as failure:
            unknown = failure
        except Refused:
            if not unknown:  # else an earlier attempt may have made the order
                raise
        except NotSent as failure:
            not_sent = failure
            time.sleep(failure.wait)
            if not unknown:
                continue

        print(f"order {number}: outcome unknown ({unknown}), asking PayerMax")
        try:
            answer = repeat("orderQuery", {"outTradeNo": number})
        except (NotSent, Refused) as failure:  # of the question, not of the order
            raise OutcomeUnknown(failure) from failure
        if answer["code"] != "ORDER_NOT_EXIST":
            return final_status(answer)
        print(f"order {number}: not there yet")
        time.sleep(1)
    raise unknown or not_sent


def new_number():
    """Returns an outTradeNo that none has had: the time alone recurs where clocks
    are set back, or orders come at once."""
    return f"P{time.time_ns() // 1_000_000}{secrets.token_hex(5)}"


def main():
    number = sys.argv[1] if len(sys.argv) > 1 else new_number()
    currency = sys.argv[2] if len(sys.argv) > 2 else "IDR"

    session = repeat("applyDropinSession", {
        "totalAmount": 10000,
        "currency": currency,
        "country": "ID",
        "userId": "U10001",
        "componentList": ["CARD"],
    })
    session_key = text(session, "sessionKey")
    if not session_key:
        raise OutcomeUnknown("no session key")
    print("session:", session_key)

    status = pay({
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
            "sessionKey": session_key,
            "buyerInfo": {"clientIp": "59.82.59.92", "userAgent": "Chrome"},
        },
    })
    print(f"order {number}: {status}")


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except NotSent as failure:
        sys.exit(f"not sent: {failure}")
    except OutcomeUnknown as unknown:
        sys.exit(f"outcome unknown: {unknown}")
