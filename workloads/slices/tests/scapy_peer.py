"""The other end of the tunnel, by scapy's IPsec layer.

Reads a request a line from standard input and writes an answer a line, all bytes in hexadecimal ("-" for none):

    seal SPI SEQUENCE CIPHER_KEY INTEGRITY_KEY SOURCE DESTINATION INNER  ->  the outer packet
    open SPI SEQUENCE CIPHER_KEY INTEGRITY_KEY SOURCE DESTINATION OUTER  ->  the inner packet, or "refused"

SPI and SEQUENCE are decimal numbers, SOURCE and DESTINATION dotted addresses of the outer header.
"""

import sys

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation
from scapy.packet import raw


def association(spi, cipher_key, integrity_key, source, destination):
    integrity = {}
    if integrity_key != "-":
        integrity = {"auth_algo": "SHA2-256-128", "auth_key": bytes.fromhex(integrity_key)}
    return SecurityAssociation(
        ESP,
        spi=int(spi),
        crypt_algo="AES-CBC",
        crypt_key=bytes.fromhex(cipher_key),
        tunnel_header=IP(src=source, dst=destination),
        **integrity,
    )


def answer(verb, spi, sequence, cipher_key, integrity_key, source, destination, packet):
    peer = association(spi, cipher_key, integrity_key, source, destination)
    packet = bytes.fromhex(packet)
    if verb == "seal":
        inner = IPv6(packet) if packet[0] >> 4 == 6 else IP(packet)
        return raw(peer.encrypt(inner, seq_num=int(sequence))).hex()
    outer = IP(packet)
    assert outer[ESP].seq == int(sequence), "another sequence number"
    try:
        return raw(peer.decrypt(outer)).hex()
    except IPSecIntegrityError:
        return "refused"


for line in sys.stdin:
    print(answer(*line.split()))
