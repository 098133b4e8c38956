"""Verifies Ed25519ph signatures as RFC 8032 says: neither OpenSSL 3.0 nor `cryptography` does.

Slow, in whole numbers, and for signatures that are no secret.
"""

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def point(text):
    """The point of an encoding, or None."""
    number = int.from_bytes(text, "little")
    y, odd = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if y >= P or x * x % P != square or (x == 0 and odd):
        return None
    return (P - x if x & 1 != odd else x), y


def add(one, other):
    (a, b), (c, d) = one, other
    product = D * a * b * c * d % P
    x = (a * d + b * c) * pow(1 + product, -1, P) % P
    y = (b * d + a * c) * pow(1 - product, -1, P) % P
    return x, y


def times(number, of):
    result = (0, 1)
    while number:
        if number & 1:
            result = add(result, of)
        of, number = add(of, of), number >> 1
    return result


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verifies(public, digest, signature):
    """Whether the signature is of the message with this SHA-512 digest."""
    key, first = point(public), point(signature[:32])
    second = int.from_bytes(signature[32:], "little")
    if key is None or first is None or len(signature) != 64 or second >= ORDER:
        return False
    prefix = b"SigEd25519 no Ed25519 collisions" + bytes([1, 0])
    hashed = hashlib.sha512(prefix + signature[:32] + public + digest).digest()
    factor = int.from_bytes(hashed, "little") % ORDER
    return times(second, BASE) == add(first, times(factor, key))
