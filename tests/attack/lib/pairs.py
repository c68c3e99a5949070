# SPDX-License-Identifier: MIT
"""Keys and certificates of every kind, the impossible ones too: a certificate is put together byte by byte."""

import datetime
import os
import subprocess
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

P256 = ec.SECP256R1()
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.utcnow()
SIGNED_WITH_ECDSA, SIGNED_WITH_RSA = "1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11"


# ---- DER

def tlv(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else None
    if size is None:
        raw = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
        size = bytes([0x80 | len(raw)]) + raw
    return bytes([tag]) + size + body


def seq(*parts):
    return tlv(0x30, *parts)


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = b""
    for arc in [first * 40 + second, *rest]:
        piece = bytes([arc & 127])
        while arc := arc >> 7:
            piece = bytes([arc & 127 | 128]) + piece
        out += piece
    return tlv(6, out)


def bits(data):
    return tlv(3, b"\0", data)


def octets(data):
    return tlv(4, data)


def utf8(value):
    return tlv(12, value.encode())


def name(common):
    return seq(tlv(0x31, seq(oid("2.5.4.3"), utf8(common)))) if common is not None else seq()


def when(moment):
    if isinstance(moment, bytes):
        return tlv(0x18, moment)
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def dns(value):
    return tlv(0x82, value.encode() if isinstance(value, str) else value)


def address(*octet):
    return tlv(0x87, bytes(octet))


def email(value):
    return tlv(0x81, value.encode())


def uri(value):
    return tlv(0x86, value.encode())


def extension(dotted, value, critical=False):
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", octets(value))


def alternative_names(names):
    return extension("2.5.29.17", seq(*(dns(n) if isinstance(n, str) else n for n in names)))


def basic_constraints(is_ca, path=None):
    return extension("2.5.29.19", seq(tlv(1, b"\xff") if is_ca else b"", integer(path) if path is not None else b""), True)


def pem(label, der):
    import base64

    text = base64.b64encode(der).decode()
    lines = [text[at: at + 64] for at in range(0, len(text), 64)]
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label, "\n".join(lines), label)


# ---- keys

def new_key(curve=P256):
    return ec.generate_private_key(curve)


def public_der(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_pem(key, form=serialization.PrivateFormat.PKCS8, secret=None):
    lock = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock).decode()


def signature(key, data):
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


# ---- certificates

def certificate(issuer_key, issuer="authority", subject="example.test", public=b"", serial=None, begins=None, ends=None,
                extensions=(), algorithm=None, signed=None, version=2):
    kind = algorithm or (SIGNED_WITH_RSA if isinstance(issuer_key, rsa.RSAPrivateKey) else SIGNED_WITH_ECDSA)
    identifier = seq(oid(kind), tlv(5) if kind == SIGNED_WITH_RSA else b"")
    body = seq(
        tlv(0xA0, integer(version)) if version else b"",
        integer(serial if serial is not None else int.from_bytes(os.urandom(12), "big")),
        identifier,
        issuer if isinstance(issuer, bytes) else name(issuer),
        seq(when(NOW - DAY if begins is None else begins), when(NOW + 90 * DAY if ends is None else ends)),
        subject if isinstance(subject, bytes) else name(subject),
        public,
        tlv(0xA3, seq(*extensions)) if extensions else b"",
    )
    return seq(body, identifier, bits(signature(issuer_key, body) if signed is None else signed))


class Authority:
    """A CA: the file that attack.sh makes holds its certificate and its key."""

    def __init__(self, key=None, common="authority", issuer=None, path=None):
        self.key = key or new_key()
        self.common = common
        by = issuer or self
        self.der = certificate(by.key, by.common, common, public_der(self.key), extensions=[basic_constraints(True, path)])

    @property
    def pem(self):
        return pem("CERTIFICATE", self.der)

    @classmethod
    def load(cls, path):
        self = cls.__new__(cls)
        text = open(path).read()
        self.key = serialization.load_pem_private_key(text.encode(), None)
        self.common = "authority"
        self.text = text[: text.index("-----BEGIN PRIVATE")]
        self.der = None
        return self


class Pair:
    """A leaf for `names` with its key; `chain` is what an Install carries."""

    def __init__(self, authority, names, key=None, common=None, above="", **more):
        self.private = key or new_key()
        extensions = more.pop("extensions", [alternative_names(names)] if names else [])
        subject = more.pop("subject", common if common is not None else b"\x30\x00" if not names else None)
        public = more.pop("public", None) or public_der(self.private)
        if subject is None:
            subject = name(next((n for n in names if isinstance(n, str)), None))
        self.der = certificate(authority.key, authority.common, subject, public, extensions=extensions, **more)
        self.leaf = pem("CERTIFICATE", self.der)
        self.chain = self.leaf + above
        self.key = key_pem(self.private)


def main():
    if sys.argv[1] == "authority":
        authority = Authority()
        with open(sys.argv[2], "w") as file:
            os.chmod(sys.argv[2], 0o600)
            file.write(authority.pem + key_pem(authority.key))


if __name__ == "__main__":
    main()
