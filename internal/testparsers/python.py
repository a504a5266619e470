# Reads documents, one a line in base64, and says what it finds under the names of its
# arguments. See parsers.go.
import base64
import json
import sys

names = sys.argv[1:]


def text(value):
    return "s" + base64.b64encode(value.encode("utf-8")).decode()


def fact(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float):
        return "d" + repr(value)
    if isinstance(value, int):
        return "n" + repr(value)
    if isinstance(value, str):
        return text(value)
    return "c"


def read(document):
    try:
        top = json.loads(document)
        if not isinstance(top, dict):
            return "!"
        data = top.get("data")
        data = data if isinstance(data, dict) else {}
        return " ".join(fact(o.get(name)) for o in (top, data) for name in names)
    except (ValueError, RecursionError):
        return "!"


for line in sys.stdin:
    print(read(base64.b64decode(line)), flush=True)
