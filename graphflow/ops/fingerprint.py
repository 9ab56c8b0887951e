"""FarmHash's Fingerprint64, by which TensorFlow puts strings into buckets (Pike and Alakuijala, farmhashna)."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(text: bytes) -> int:
    """The 64-bit fingerprint of a byte string."""
    n = len(text)
    if n <= 16:
        return _up_to_16(text, n)
    if n <= 32:
        return _up_to_32(text, n)
    return _up_to_64(text, n) if n <= 64 else _long(text, n)


def cat64(a: int, b: int) -> int:
    """The fingerprint of two fingerprints, in this order, as TensorFlow crosses features."""
    factor = 0xC6A4A7935BD1E995
    total = (a ^ factor ^ _mixed(b * factor) * factor) & _MASK
    return _mixed(_mixed(total * factor) * factor)


def _word(text: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(text[at : at + size], "little")


def _rotated(x: int, by: int) -> int:
    x &= _MASK
    return (x >> by | x << (64 - by)) & _MASK


def _mixed(x: int) -> int:
    x &= _MASK
    return x ^ x >> 47


def _pair(u: int, v: int, factor: int) -> int:
    """16 bytes to 8."""
    a = _mixed((u ^ v) * factor)
    b = _mixed((v ^ a) * factor)
    return b * factor & _MASK


def _up_to_16(text: bytes, n: int) -> int:
    factor = _K2 + 2 * n
    if n >= 8:
        a, b = _word(text, 0) + _K2 & _MASK, _word(text, n - 8)
        c = _rotated(b, 37) * factor + a & _MASK
        return _pair(c, (_rotated(a, 25) + b) * factor & _MASK, factor & _MASK)
    if n >= 4:
        return _pair(n + (_word(text, 0, 4) << 3), _word(text, n - 4, 4), factor & _MASK)
    if n:
        y, z = text[0] + (text[n >> 1] << 8), n + (text[n - 1] << 2)
        return _mixed(y * _K2 & _MASK ^ z * _K0 & _MASK) * _K2 & _MASK
    return _K2


def _up_to_32(text: bytes, n: int) -> int:
    factor = _K2 + 2 * n & _MASK
    a, b = _word(text, 0) * _K1 & _MASK, _word(text, 8)
    c, d = _word(text, n - 8) * factor & _MASK, _word(text, n - 16) * _K2 & _MASK
    y = _rotated(a + b, 43) + _rotated(c, 30) + d & _MASK
    return _pair(y, a + _rotated(b + _K2, 18) + c & _MASK, factor)


def _up_to_64(text: bytes, n: int) -> int:
    factor = _K2 + 2 * n & _MASK
    a, b = _word(text, 0) * _K2 & _MASK, _word(text, 8)
    c, d = _word(text, n - 8) * factor & _MASK, _word(text, n - 16) * _K2 & _MASK
    y = _rotated(a + b, 43) + _rotated(c, 30) + d & _MASK
    z = _pair(y, a + _rotated(b + _K2, 18) + c & _MASK, factor)
    e, f = _word(text, 16) * factor & _MASK, _word(text, 24)
    g, h = (y + _word(text, n - 32)) * factor & _MASK, (z + _word(text, n - 24)) * factor & _MASK
    return _pair(_rotated(e + f, 43) + _rotated(g, 30) + h & _MASK, e + _rotated(f + a, 18) + g & _MASK, factor)


def _weak(text: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes and two seeds to 16 bytes."""
    w, x, y, z = (_word(text, at + 8 * i) for i in range(4))
    a = a + w & _MASK
    b = _rotated(b + a + z, 21)
    c = a
    a = a + x + y & _MASK
    return a + z & _MASK, b + _rotated(a, 44) + c & _MASK


def _long(text: bytes, n: int) -> int:
    """A state of 56 bytes, stirred with 64 bytes at a time; the last 64 come again."""
    x, y = 81, 81 * _K1 + 113 & _MASK
    z = _mixed(y * _K2 + 113) * _K2 & _MASK
    v = w = (0, 0)
    x = x * _K2 + _word(text, 0) & _MASK
    for at in range(0, (n - 1) // 64 * 64, 64):
        x = _rotated(x + y + v[0] + _word(text, at + 8), 37) * _K1 & _MASK
        y = _rotated(y + v[1] + _word(text, at + 48), 42) * _K1 & _MASK
        x ^= w[1]
        y = y + v[0] + _word(text, at + 40) & _MASK
        z = _rotated(z + w[0], 33) * _K1 & _MASK
        v = _weak(text, at, v[1] * _K1, x + w[0])
        w = _weak(text, at + 32, z + w[1], y + _word(text, at + 16))
        x, z = z, x
    factor, at = _K1 + ((z & 0xFF) << 1) & _MASK, n - 64
    first = w[0] + (n - 1 & 63)
    v = (v[0] + first & _MASK, v[1])
    w = (first + v[0] & _MASK, w[1])
    x = _rotated(x + y + v[0] + _word(text, at + 8), 37) * factor & _MASK
    y = _rotated(y + v[1] + _word(text, at + 48), 42) * factor & _MASK
    x ^= w[1] * 9 & _MASK
    y = y + v[0] * 9 + _word(text, at + 40) & _MASK
    z = _rotated(z + w[0], 33) * factor & _MASK
    v = _weak(text, at, v[1] * factor, x + w[0])
    w = _weak(text, at + 32, z + w[1], y + _word(text, at + 16))
    x, z = z, x
    first = _pair(v[0], w[0], factor) + _mixed(y) * _K0 + z & _MASK
    return _pair(first, _pair(v[1], w[1], factor) + x & _MASK, factor)
