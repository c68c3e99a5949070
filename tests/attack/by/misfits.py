# SPDX-License-Identifier: MIT
"""Pairs that must not be installed, and a few, at the end of each group, that may: or nothing would be shown."""

import os
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

import pairs
from pairs import (DAY, NOW, Authority, Pair, address, alternative_names, basic_constraints, bits, certificate, dns,
                   email, extension, integer, key_pem, name, new_key, octets, oid, pem, public_der, seq, tlv, uri, utf8)
from taken_over import AUTHORITY, GONE, GREETED, SOCKET, allowed, done, refusal, tell
from wire import Connection, Ended, Refusal, install

authority = Authority.load(AUTHORITY)
OWN = "example.test"
slowest = (0.0, "")


def refused(what, chain, key, says, reason="pair", entry=OWN):
    """One request on one connection; the sentence says why, and nothing of the pair. `says` may be several, where it is up
    to OpenSSL how far it gets."""
    global slowest
    connection = Connection(SOCKET).greet()
    began = time.monotonic()
    connection.send(install(entry, chain, key))
    wrong, choices = None, (says,) if isinstance(says, str) else says
    try:
        answer = connection.answer()
        said = getattr(answer, "sentence", "")
        says = next((each for each in choices if each in said), choices[0])
        if not isinstance(answer, Refusal):
            wrong = "installed"
        elif answer.reason != reason or says not in said:
            wrong = f"another refusal, {answer.reason}: {said}"
        elif len(said) > 1000 or not said.isprintable():
            wrong = f"a sentence that cannot be shown: {said!r}"
    except (Ended, TimeoutError) as error:
        says, wrong = choices[0], f"no answer: {error!r}"
    slowest = max(slowest, (time.monotonic() - began, what))
    connection.leave()
    tell(what, [GREETED, allowed(f"install {entry}"), refusal(f"install {entry}", reason, says), GONE], wrong)


def installed(what, pair, entry=OWN):
    connection = Connection(SOCKET).greet()
    connection.send(install(entry, pair.chain, pair.key))
    answer = connection.answer()
    connection.leave()
    tell(what, [GREETED, allowed(f"install {entry}"), done(f"install {entry}"), GONE],
         answer.sentence if isinstance(answer, Refusal) else None, changes=True)


good = Pair(authority, [OWN, "www." + OWN])
other = Pair(authority, [OWN])
installed("a good pair", good)

# ---- the key
FIT = "does not belong"
UNREADABLE = "the key cannot be read"
NUMBERS = "its numbers do not fit each other"
BITS = "bits; 2048 to 8192 are accepted"
EXTENSIONS = "has extensions that cannot be read"
NO_NAME = "neither a host name nor an address"
refused("another key", good.chain, other.key, FIT)
refused("another curve's key", good.chain, key_pem(new_key(ec.SECP384R1())), FIT)
rsa_key = rsa.generate_private_key(65537, 2048)
refused("an RSA key for an EC leaf", good.chain, key_pem(rsa_key), FIT)
refused("an EC key for an RSA leaf", Pair(authority, [OWN], key=rsa_key).chain, good.key, FIT)
refused("the public key's half of another",
        good.chain, pem("EC PRIVATE KEY", seq(
            integer(1), octets(bytes(31) + b"\1"), tlv(0xA0, oid("1.2.840.10045.3.1.7")),
            tlv(0xA1, bits(good.private.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint))))), FIT)
for form, label in ((serialization.PrivateFormat.PKCS8, "PKCS #8"), (serialization.PrivateFormat.TraditionalOpenSSL, "SEC 1")):
    refused(f"an encrypted key, {label}", good.chain, key_pem(good.private, form, b"secret"), "encrypted")
refused("a public key", good.chain, good.private.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo), "something other than one private key")
refused("an EC key with its parameters before it", good.chain, pem("EC PARAMETERS", oid("1.2.840.10045.3.1.7")) + good.key,
        "something other than one private key")
refused("two keys", good.chain, good.key + other.key, "something other than one private key")
refused("the certificate with the key", good.chain, good.key + good.leaf, "something other than one private key")
refused("the key with text before it", good.chain, "a note\n" + good.key, "text outside")
refused("no key", good.chain, "", "empty")
refused("a key of blanks", good.chain, "\n\n \n", "empty")
refused("a key of NUL", good.chain, bytes(100), "text outside")
refused("a key of DER", good.chain, good.private.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), "text outside")
for size in range(1, len(good.key) - 1, 7):
    refused(f"a key cut after {size} bytes", good.chain, good.key[:size],
            "text outside" if size < len("-----BEGIN ") else "ends in the middle of a PEM block")
for kind, key in (("RSA of 1024 bits", rsa.generate_private_key(65537, 1024)), ("secp256k1", new_key(ec.SECP256K1())),
                  ("P-224", new_key(ec.SECP224R1())), ("DSA", dsa.generate_private_key(1024))):
    refused(f"a key of {kind}", Pair(authority, [OWN], key=key).chain, key_pem(key), "the key is ")
installed("a pair with RSA", Pair(authority, [OWN], key=rsa_key))

# ---- the names
COVER = "does not cover"
for names in (["other.test"], [OWN, "other.test"], [OWN, "www." + OWN, "mail." + OWN], ["*." + OWN], [OWN, "*." + OWN],
              ["*.www." + OWN], ["test"], ["*.test"], ["*"], ["*.*." + OWN], ["w*." + OWN], ["x" + OWN], [OWN + "x"],
              [OWN + "."], ["." + OWN], [OWN + ".evil.test"], ["evil.test." + OWN], ["localhost"], ["192.0.2.1"],
              [OWN, address(192, 0, 2, 1)], [address(*bytes(16))], ["example-test"], ["example..test"], ["-." + OWN],
              ["xn--exmple-cua.test"], ["_acme-challenge." + OWN]):
    refused(f"names {names}", *(lambda p: (p.chain, p.key))(Pair(authority, names, common=None, subject=b"\x30\x00")), COVER,
            "policy")
for bad in (OWN.encode() + b"\0.evil.test", b"\0", b"example.test\n", b" example.test", b"example.test ", b"ex\xc3\xa4mple.test",
            b"example.test\xff", b"../example.test", b"example.test/", b"$(reboot)", b"a;b", b"\"", b"\x1b[2J"):
    pair = Pair(authority, [dns(bad)], subject=b"\x30\x00")
    refused(f"the name {bad!r}", pair.chain, pair.key, COVER, "policy")
for bad in (b"", b"a" * 254, b"a." * 2000 + b"test"):
    pair = Pair(authority, [dns(bad)], subject=b"\x30\x00")
    refused(f"a name of {len(bad)} bytes", pair.chain, pair.key, "empty or too long")
for what, odd in (("an e-mail address", email("root@" + OWN)), ("a URI", uri("https://" + OWN)),
                  ("a directory name", tlv(0xA4, name(OWN))), ("a registered id", tlv(0x88, b"\x2a\x03\x04")),
                  ("another name", tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xA0, utf8("root")))),
                  ("an X.400 address", tlv(0xA3, b"\x30\0")), ("an EDI party", tlv(0xA5, tlv(0xA1, utf8("x"))))):
    for names in ([odd], [OWN, odd], [odd, OWN]):
        pair = Pair(authority, names, subject=b"\x30\x00")
        refused(f"{what} among {len(names)}", pair.chain, pair.key, NO_NAME)
for octet in ((), (1,), (192, 0, 2), (192, 0, 2, 1, 0), (255,) * 15, (0,) * 32):
    pair = Pair(authority, [tlv(0x87, bytes(octet))], subject=b"\x30\x00")
    refused(f"an address of {len(octet)} bytes", pair.chain, pair.key, "empty or too long")
pair = Pair(authority, [], common=OWN)
refused("a common name alone", pair.chain, pair.key, "has 0 subject alternative names")
pair = Pair(authority, [OWN], common="evil.test")
refused("a common name that is no other name", pair.chain, pair.key, COVER, "policy")
pair = Pair(authority, [OWN], subject=seq(tlv(0x31, seq(oid("2.5.4.3"), utf8(OWN))), tlv(0x31, seq(oid("2.5.4.3"), utf8("evil.test")))))
refused("a second common name", pair.chain, pair.key, COVER, "policy")
pair = Pair(authority, [OWN], common=OWN + "\0.evil.test")
refused("a common name with NUL", pair.chain, pair.key, COVER, "policy")
pair = Pair(authority, [OWN], extensions=[alternative_names([OWN]), alternative_names(["evil.test"])])
refused("two lists of names", pair.chain, pair.key, EXTENSIONS)
pair = Pair(authority, [OWN], extensions=[alternative_names([])])
refused("an empty list of names", pair.chain, pair.key, "has 0 subject alternative names")
# What each kind of entry covers.
for entry, names in (("wild", ["wild.test"]), ("wild", ["a.b.wild.test"]), ("wild", ["*.a.wild.test"]),
                     ("wild", ["*.wild.test", "wild.test"]), ("led", ["*.led.test"]), ("led", ["wild.test"]), ("wild", [OWN])):
    pair = Pair(authority, names, subject=b"\x30\x00")
    refused(f"{names} for {entry}", pair.chain, pair.key, COVER, "policy", entry)
installed("a wildcard", Pair(authority, ["*.wild.test", "a.wild.test"]), "wild")

# ---- dates, issuers
BEGINS = "notBefore field"
for what, begins, ends, says in (
        ("expired", NOW - 9 * DAY, NOW - DAY, "has expired"), ("expired a second ago", NOW - DAY, NOW - DAY / 86400, "has expired"),
        ("not yet valid", NOW + DAY, NOW + 9 * DAY, "not yet valid"), ("valid backwards", NOW + DAY, NOW - DAY, "not yet valid"),
        ("expired in year 0", b"00000101000000Z", b"00010101000000Z", "has expired"),
        ("a date of letters", b"yesterday", None, BEGINS),
        ("an empty date", b"", None, BEGINS), ("the 30th of February", b"20240230000000Z", None, BEGINS),
        ("a date of many digits", b"2" * 400 + b"Z", None, BEGINS),
        ("the 13th month", None, b"20301301000000Z", "notAfter field")):
    pair = Pair(authority, [OWN], begins=begins, ends=ends)
    refused(what, pair.chain, pair.key, says)
own = Authority(common=OWN)
pair = Pair(own, [OWN])
refused("self-signed", pair.chain, pair.key, "self-signed")
pair = Pair(Authority(key=pair.private, common=OWN), [OWN], key=pair.private)
refused("signed by its own key", pair.chain, pair.key, "self-signed")
pair = Pair(authority, [OWN], extensions=[alternative_names([OWN]), basic_constraints(True)])
refused("a CA's own certificate", pair.chain, pair.key, "a CA's own")
stranger = Authority(common="authority")
pair = Pair(stranger, ["led.test"])
refused("a CA that the entry does not trust", pair.chain, pair.key, "does not lead to the entry's `trust`", entry="led")
pair = Pair(stranger, ["led.test"], above=stranger.pem)
refused("that CA with its certificate", pair.chain, pair.key, "does not lead to the entry's `trust`", entry="led")
pair = Pair(authority, ["led.test"], signed=b"\x30\x06\x02\x01\x01\x02\x01\x01")
refused("a signature that is none", pair.chain, pair.key, "does not lead to the entry's `trust`", entry="led")
pair = Pair(authority, ["led.test"], key=rsa_key, algorithm="1.2.840.113549.1.1.4")
refused("a signature said to be MD5", pair.chain, pair.key, "does not lead to the entry's `trust`", entry="led")
middle = Authority(common="middle", issuer=authority)
narrow = Authority(common="narrow", issuer=Authority.load(AUTHORITY), path=0)
below = Authority(common="below", issuer=narrow)
pair = Pair(below, ["led.test"], above=below.pem + narrow.pem)
refused("a CA below one that may have none", pair.chain, pair.key, "path length constraint exceeded", entry="led")
leaf = Pair(authority, [OWN])
wanted = Pair(Authority(common=OWN, key=leaf.private), ["led.test"], above=leaf.leaf)
refused("issued by a server's certificate", wanted.chain, wanted.key, "invalid CA certificate", entry="led")
installed("a chain that leads to the trust", Pair(middle, ["led.test"], above=middle.pem), "led")

# ---- the chain
order = Pair(middle, [OWN], above=authority.text)
refused("a chain with a gap", order.chain, order.key, "unable to get local issuer")
refused("the chain upside down", middle.pem + order.leaf, order.key, "a CA's own")
refused("a chain with a stranger at its end", good.leaf + stranger.pem, good.key, "certificate 1 of the chain: ")
refused("the leaf twice", good.leaf * 2, good.key, "was not issued by")
refused("a key in the chain", good.leaf + good.key, good.key, "other than certificates")
refused("a key before the chain", good.key + good.leaf, good.key, "other than certificates")
refused("another key in the chain", good.leaf + other.key, good.key, "other than certificates")
refused("a request in the chain", good.leaf + pem("CERTIFICATE REQUEST", good.der), good.key, "other than certificates")
refused("a trusted certificate", pem("TRUSTED CERTIFICATE", good.der), good.key, "other than certificates")
refused("an old label", pem("X509 CERTIFICATE", good.der), good.key, "other than certificates")
refused("a revocation list", good.leaf + pem("X509 CRL", good.der), good.key, "other than certificates")
refused("PKCS #7", pem("PKCS7", good.der), good.key, "other than certificates")
refused("text between", good.leaf + "and\n" + authority.text, good.key, "text outside")
refused("text after", good.leaf + "the end", good.key, "text outside")
refused("headers", good.leaf.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), good.key, "not base64 alone")
refused("a label that is not closed", good.leaf.replace("END CERT", "END CERX"), good.key, "ends in the middle of a PEM block")
refused("no chain", "", good.key, "empty")
refused("a chain of blanks", " \n" * 100, good.key, "empty")
refused("a chain of NUL", bytes(1000), good.key, "text outside")
refused("not UTF-8", b"\xff\xfe" * 500, good.key, "text outside")
refused("no base64", pem("CERTIFICATE", good.der).replace("A", "!"), good.key, "not base64")
refused("one long line", "-----BEGIN CERTIFICATE-----\n" + "A" * 50000 + "\n-----END CERTIFICATE-----\n", good.key, "64 characters")
refused("nothing in the block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", good.key,
        "text behind the beginning of a PEM block")
refused("a thousand beginnings", "-----BEGIN CERTIFICATE-----\n" * 1000, good.key, "ends in the middle of a PEM block")
refused("a leaf and more within its block", pem("CERTIFICATE", good.der + b"\0"), good.key, "cannot be read")
refused("two in one block", pem("CERTIFICATE", good.der * 2), good.key, "cannot be read")
for size in range(1, len(good.leaf) - 1, 11):
    refused(f"a chain cut after {size} bytes", good.leaf[:size], good.key, "the chain ")
for size in range(1, len(good.der), 5):
    refused(f"a certificate cut after {size} bytes", pem("CERTIFICATE", good.der[:size]), good.key, "cannot be read")
small = Authority(common="authority")
links = "".join([authority.text] * 100)
refused("a hundred intermediates", (good.leaf + links)[:60000].rsplit("-----BEGIN", 1)[0], good.key, "more than")
refused("eleven intermediates", good.leaf + authority.text * 11, good.key, "more than")

# ---- built to keep a parser busy
def with_extensions(*extensions):
    return Pair(authority, [OWN], extensions=[alternative_names([OWN]), *extensions])


def nested(depth, tag=0x30):
    data = b""
    for _ in range(depth):
        data = tlv(tag, data)
    return data


many = Pair(authority, [f"{i}.{OWN}" for i in range(101)], subject=b"\x30\x00")
refused("101 names", many.chain, many.key, "names; 1 to 100 are accepted")
many = Pair(authority, [dns("a")] * 12000, subject=b"\x30\x00")
refused("12000 names", many.chain, many.key, "names; 1 to 100 are accepted")
many = Pair(authority, ["*." * 100 + OWN], subject=b"\x30\x00")
refused("a name of a hundred wildcards", many.chain, many.key, COVER, "policy")
deep = nested(9000)
refused("9000 levels in place of a certificate", pem("CERTIFICATE", deep), good.key, "cannot be read")
refused("9000 levels in place of a key", good.chain, pem("PRIVATE KEY", deep), "cannot be read")
odd = Pair(authority, [tlv(0xA0, oid("1.2.3.4"), tlv(0xA0, deep))], subject=b"\x30\x00")
refused("a name of 9000 levels", odd.chain, odd.key, NO_NAME)
odd = Pair(authority, [OWN], subject=seq(*[tlv(0x31, seq(oid("2.5.4.3"), utf8(OWN)))] * 1500))
refused("1500 common names and a misfit", odd.chain, other.key, FIT)
for what, ext in {
    "a list of names that is none": extension("2.5.29.17", b"\x30\x84\xff\xff\xff\xff"),
    "basic constraints that are none": extension("2.5.29.19", b"\xff" * 9, True),
    "key usage that is none": extension("2.5.29.15", b"\x30\x80"),
    "name constraints that are none": extension("2.5.29.30", b"\x30\x03\xa0\x82\x00"),
    "a proxy certificate": extension("1.3.6.1.5.5.7.1.14", seq(seq(oid("1.3.6.1.5.5.7.21.1"))), True),
}.items():
    odd = with_extensions(ext)
    refused(what, odd.chain, odd.key, EXTENSIONS)
odd = with_extensions(*[basic_constraints(False)] * 2)
refused("basic constraints twice", odd.chain, odd.key, EXTENSIONS)


def rsa_public(modulus, exponent):
    return seq(seq(oid("1.2.840.113549.1.1.1"), tlv(5)), bits(seq(integer(modulus), integer(exponent))))


huge = (1 << 100000) - 159
for what, modulus, exponent in (("a modulus of 100000 bits", huge, 65537), ("a modulus of 16384 bits", (1 << 16384) - 1, 65537),
                                ("an exponent of 100000 bits", rsa_key.public_key().public_numbers().n, huge),
                                ("modulus 0", 0, 65537), ("modulus 1", 1, 1), ("exponent 0", huge, 0),
                                ("an even modulus", 1 << 2047, 65537), ("a negative modulus", -huge, 65537)):
    odd = Pair(authority, [OWN], public=rsa_public(modulus, exponent))
    refused(f"a leaf with {what}", odd.chain, key_pem(rsa_key), FIT)
    ca_key = seq(integer(0), integer(modulus), integer(exponent), *[integer(3)] * 6)
    refused(f"an RSA key with {what}", odd.chain, pem("RSA PRIVATE KEY", ca_key), (BITS, NUMBERS))
    # As an issuer: its key verifies the leaf's signature.
    heavy = certificate(new_key(), "root", "authority", rsa_public(modulus, exponent), extensions=[basic_constraints(True)])
    slow = Pair(authority, [OWN], signed=bytes(12500), algorithm=pairs.SIGNED_WITH_RSA, above=pem("CERTIFICATE", heavy))
    refused(f"an issuer with {what}", slow.chain, slow.key, "of the chain")
numbers = rsa_key.private_numbers()


def rsa_private(n, e, d, p, q):
    return pem("RSA PRIVATE KEY", seq(*map(integer, (0, n, e, d, p, q, d % max(p - 1, 1), d % max(q - 1, 1), 3))))


public = numbers.public_numbers
fitting = Pair(authority, [OWN], key=rsa_key)
for what, key in {"another d": rsa_private(public.n, public.e, numbers.d + 2, numbers.p, numbers.q),
                  "primes of 1": rsa_private(public.n, public.e, numbers.d, 1, public.n),
                  "primes of 0": rsa_private(public.n, public.e, numbers.d, 0, 0),
                  "negative numbers": rsa_private(public.n, public.e, -numbers.d, -numbers.p, -numbers.q),
                  "a huge d": rsa_private(public.n, public.e, huge, numbers.p, numbers.q),
                  "huge primes": rsa_private(public.n, public.e, numbers.d, huge, huge),
                  "one huge prime": rsa_private(public.n, public.e, numbers.d, numbers.p, huge),
                  "its primes swapped for others": rsa_private(public.n, public.e, numbers.d, numbers.p + 2, numbers.q),
                  "three primes": pem("RSA PRIVATE KEY", seq(*map(integer, (1, public.n, public.e, numbers.d, numbers.p,
                                                                            numbers.q, 3, 3, 3)), seq(seq(*[integer(3)] * 3))))
                  }.items():
    refused(f"an RSA key with {what}", fitting.chain, key, FIT if what == "another d" else NUMBERS)
large = rsa.generate_private_key(65537, 4096)
number = large.private_numbers()
refused("an RSA key with a huge d and no other way", Pair(authority, [OWN], key=large).chain, pem("RSA PRIVATE KEY", seq(*map(
    integer, (0, number.public_numbers.n, 65537, number.d + (number.p - 1) * (number.q - 1) * (1 << 300000), number.p, number.q,
              3, 3, 3)))), NUMBERS)


def curve(prime, a, b, point, order, cofactor=1):
    return seq(integer(1), seq(oid("1.2.840.10045.1.1"), integer(prime)), seq(octets(a), octets(b)), octets(point),
               integer(order), integer(cofactor))


def ec_public(parameters, point):
    return seq(seq(oid("1.2.840.10045.2.1"), parameters), bits(point))


p256 = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
OTHER_CURVE = (UNREADABLE, "on a curve other than", FIT)
composite = 697  # a square root modulo this never ends where the fault of 2022 is not mended
for what, parameters, point in (
        ("parameters of its own", curve(p256, b"\1" * 32, b"\2" * 32, b"\3" + b"\1" * 32, p256 - 2), b"\4" + bytes(64)),
        ("a composite prime and a compressed point", curve(composite, b"\x02\x6b", b"\x02\x71", b"\3\2\6c", 7), b"\2\2\6c"),
        ("a prime of 40000 bits", curve((1 << 40000) - 1, b"\1" * 5000, b"\2" * 5000, b"\3" + b"\1" * 5000, 7), b"\4" + bytes(64)),
        ("a field of characteristic two", seq(integer(1), seq(oid("1.2.840.10045.1.2"), seq(
            integer(60000), oid("1.2.840.10045.1.2.3.2"), integer(5))), seq(octets(bytes(9)), octets(bytes(9))),
            octets(b"\4" + bytes(18)), integer(7)), b"\4" + bytes(18)),
        ("a cofactor of zero", curve(p256, b"\1" * 32, b"\2" * 32, b"\3" + b"\1" * 32, 1, 0), b"\0"),
        ("a point at infinity", oid("1.2.840.10045.3.1.7"), b"\0"),
        ("a point on no curve", oid("1.2.840.10045.3.1.7"), b"\4" + bytes(64)),
        ("an unknown curve", oid("1.2.3.4.5"), b"\4" + bytes(64))):
    odd = Pair(authority, [OWN], public=ec_public(parameters, point))
    refused(f"a leaf on {what}", odd.chain, good.key, FIT)
    key = seq(integer(1), octets(b"\5" * 32), tlv(0xA0, parameters), tlv(0xA1, bits(point)))
    refused(f"a key on {what}", good.chain, pem("EC PRIVATE KEY", key), OTHER_CURVE)
    wrapped = seq(integer(0), seq(oid("1.2.840.10045.2.1"), parameters), octets(key))
    refused(f"a PKCS #8 key on {what}", good.chain, pem("PRIVATE KEY", wrapped), OTHER_CURVE)
    heavy = certificate(new_key(), "root", "authority", ec_public(parameters, point), extensions=[basic_constraints(True)])
    slow = Pair(authority, [OWN], above=pem("CERTIFICATE", heavy))
    refused(f"an issuer on {what}", slow.chain, slow.key, "of the chain")
finite = integer((1 << 30000) - 1)
for what, kind, parameters in (("DSA", "1.2.840.10040.4.1", seq(finite, integer(7), integer(2))),
                               ("DH", "1.2.840.113549.1.3.1", seq(finite, integer(2))),
                               ("X9.42 DH", "1.2.840.10046.2.1", seq(finite, integer(2), integer(7)))):
    odd = Pair(authority, [OWN], public=seq(seq(oid(kind), parameters), bits(integer(5))))
    refused(f"a leaf of huge {what}", odd.chain, good.key, FIT)
    refused(f"a key of huge {what}", good.chain,
            pem("PRIVATE KEY", seq(integer(0), seq(oid(kind), parameters), octets(integer(5)))),
            (UNREADABLE, "none of RSA, ECDSA and Ed25519"))
    heavy = certificate(new_key(), "root", "authority", seq(seq(oid(kind), parameters), bits(integer(5))),
                        extensions=[basic_constraints(True)])
    slow = Pair(authority, [OWN], above=pem("CERTIFICATE", heavy))
    refused(f"an issuer of huge {what}", slow.chain, slow.key, "of the chain")
for what, arc in (("an object of 20000 digits", 1 << 60000), ("an object of one huge arc", (1 << 127) + 1)):
    odd = with_extensions(extension("1.2.3." + str(arc) if arc < 1 << 4000 else "1.2.3", b""))
    refused(what, odd.chain, other.key, FIT)
odd = Pair(authority, [OWN], subject=seq(tlv(0x31, seq(tlv(6, b"\x81" * 40000 + b"\1"), utf8("x")))))
refused("a subject of one object of 40000 bytes", odd.chain, other.key, (FIT, "certificate 1 of the chain cannot be read"))
# Policies that double with each level, and constraints on many names: for whoever follows a chain to its trust.
mapping = extension("2.5.29.33", seq(*[seq(oid(f"1.2.3.{i}"), oid(f"1.2.3.{j}")) for i in range(20) for j in range(20)]))
policies = extension("2.5.29.32", seq(*[seq(oid(f"1.2.3.{i}")) for i in range(20)]))
above, issuer = "", authority
for level in range(4):
    key = new_key()
    der = certificate(issuer.key, issuer.common, f"level {level}", public_der(key),
                      extensions=[basic_constraints(True), policies, mapping])
    above = pem("CERTIFICATE", der) + above
    issuer = Authority.load(AUTHORITY)
    issuer.key, issuer.common = key, f"level {level}"
odd = Pair(issuer, ["led.test"], above=above, extensions=[alternative_names(["led.test"]), policies])
refused("policies that double, and a misfit", odd.chain, good.key, FIT, entry="led")
limited = extension("2.5.29.30", seq(tlv(0xA1, *[seq(dns(f"{i}.x")) for i in range(2000)])))
key = new_key()
der = certificate(authority.key, "authority", "limited", public_der(key), extensions=[basic_constraints(True), limited])
issuer.key, issuer.common = key, "limited"
odd = Pair(issuer, ["led.test"] + [f"{i}.y" for i in range(99)], above=pem("CERTIFICATE", der), subject=b"\x30\x00")
refused("two thousand constraints on a hundred names", odd.chain, odd.key, COVER, "policy", "led")
# Bytes at random places: whatever it is, it is not installed unless it is the same certificate.
for turn in range(300):
    der = bytearray(good.der)
    at = int.from_bytes(os.urandom(4), "big") % len(der)
    der[at] ^= 1 << turn % 8
    refused(f"a bit of the certificate changed, at {at}", pem("CERTIFICATE", bytes(der)) + middle.pem, other.key,
            (FIT, "certificate 1 of the chain cannot be read", EXTENSIONS, "a CA's own"))
tell(f"none took longer than five seconds; {slowest[1]}: {slowest[0]:.2f} s", [],
     f"{slowest[1]} took {slowest[0]:.1f} s" if slowest[0] > 5 else None)
installed("a good pair at the end", good)
