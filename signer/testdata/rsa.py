"""RSASSA-PKCS1-v1_5 with SHA-256 from its definition (RFC 8017, section 8.2), in
nothing but Python's integers. Reads lines of JSON with n, e, d (0 if it is not to
sign), body and sign, and prints a line for each that it does not agree with."""

import base64
import hashlib
import json
import sys

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

for number, line in enumerate(sys.stdin, 1):
    case = json.loads(line)
    n, e, d = (int(case[name], 16) for name in ("n", "e", "d"))
    size = (n.bit_length() + 7) // 8
    info = DIGEST_INFO + hashlib.sha256(base64.b64decode(case["body"])).digest()
    encoded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    signature = base64.b64decode(case["sign"], validate=True)
    if len(signature) != size or pow(int.from_bytes(signature, "big"), e, n) != int.from_bytes(encoded, "big"):
        print(f"line {number}: the signature does not verify")
    if d and pow(int.from_bytes(encoded, "big"), d, n).to_bytes(size, "big") != signature:
        print(f"line {number}: the signature is another")
print(f"{number} compared")
