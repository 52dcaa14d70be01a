"""ChaCha20-Poly1305 gives the numbers printed in RFC 8439."""

from __future__ import annotations

import pytest

from fedmini.secagg import aead

COUNTING = bytes(range(32))
HIGH = bytes(range(0x80, 0xA0))
SUNSCREEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
    b"future, sunscreen would be it."
)
IETF = (
    b"Any submission to the IETF intended by the Contributor for publication as all or part of an "
    b"IETF Internet-Draft or RFC and any statement made within the context of an IETF activity is "
    b'considered an "IETF Contribution". Such statements include oral statements in IETF sessions, '
    b"as well as written and electronic communications made at any time or place, which are "
    b"addressed to"
)
JABBERWOCKY = (
    b"'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\n"
    b"All mimsy were the borogoves,\nAnd the mome raths outgrabe."
)
JABBERWOCKY_KEY = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"
HALF = "36e5f6b5c5e06070f0efca96227a863e"
ZEROS = "0" * 32
ONES = "f" * 32
TWO_BLOCKS = "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
NONCE_0 = "0" * 24
NONCE_2 = "0" * 23 + "2"


@pytest.mark.parametrize(
    ("key", "nonce", "counter", "expected"),
    [
        (
            COUNTING,
            "000000090000004a00000000",
            1,
            "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
            "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
        ),
        (
            bytes(32),
            NONCE_0,
            0,
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
        ),
        (
            bytes(32),
            NONCE_0,
            1,
            "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
            "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
        ),
        (
            bytes(31) + b"\1",
            NONCE_0,
            1,
            "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
            "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
        ),
        (
            b"\0\xff" + bytes(30),
            NONCE_0,
            2,
            "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
            "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096",
        ),
        (
            bytes(32),
            NONCE_2,
            0,
            "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
            "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d",
        ),
    ],
    ids=["2.3.2", *(f"A.1-{number}" for number in range(1, 6))],
)
def test_keystream_blocks(key, nonce, counter, expected):
    assert aead.chacha20(key, bytes.fromhex(nonce), 1, counter).hex() == expected


@pytest.mark.parametrize(
    ("key", "nonce", "counter", "text", "expected"),
    [
        (
            COUNTING,
            "000000000000004a00000000",
            1,
            SUNSCREEN,
            "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
            "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
            "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
            "5af90bbf74a35be6b40b8eedf2785e42874d",
        ),
        (
            bytes(31) + b"\1",
            NONCE_2,
            1,
            IETF,
            "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec"
            "2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d"
            "4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950"
            "42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85a"
            "d00f8449ed8f72d0d662ab052691ca66424bc86d2df80ea41f43abf937d3259d"
            "c4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b"
            "0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6c"
            "cc3aaf9f3979c92b3720fc88dc95ed84a1be059c6499b9fda236e7e818b04b0b"
            "c39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f"
            "5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e6"
            "98ced759c3ff9b6477338f3da4f9cd8514ea9982ccafb341b2384dd902f3d1ab"
            "7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221",
        ),
        (
            bytes.fromhex(JABBERWOCKY_KEY),
            NONCE_2,
            42,
            JABBERWOCKY,
            "62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf"
            "166d3df2d721caf9b21e5fb14c616871fd84c54f9d65b283196c7fe4f60553eb"
            "f39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77"
            "04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1",
        ),
    ],
    ids=["2.4.2", "A.2-2", "A.2-3"],
)
def test_ciphertexts(key, nonce, counter, text, expected):
    stream = aead.chacha20(key, bytes.fromhex(nonce), len(text) // 64 + 1, counter)
    assert aead.xor(text, stream).hex() == expected


def test_one_time_key_of_section_2_6_2():
    block = aead.chacha20(HIGH, bytes.fromhex("000000000001020304050607"), 1)
    assert block[:32].hex() == "8ad5a08b905f81cc815040274ab29471a833b637e3fd0da508dbb8e2fdd1a646"


@pytest.mark.parametrize(
    ("key", "message", "expected"),
    [
        (
            "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
            b"Cryptographic Forum Research Group",
            "a8061dc1305136c6c22b8baf0c0127a9",
        ),
        (ZEROS + ZEROS, bytes(64), ZEROS),
        (ZEROS + HALF, IETF, HALF),
        (HALF + ZEROS, IETF, "f3477e7cd95417af89a6b8794c310cf0"),
        (JABBERWOCKY_KEY, JABBERWOCKY, "4541669a7eaaee61e708dc7cbcc5eb62"),
        ("02" + "0" * 62, ONES, "03" + "0" * 30),
        ("02" + "0" * 30 + ONES, "02" + "0" * 30, "03" + "0" * 30),
        ("01" + "0" * 62, ONES + "f0" + "f" * 30 + "11" + "0" * 30, "05" + "0" * 30),
        ("01" + "0" * 62, ONES + "fb" + "fe" * 15 + "01" * 16, ZEROS),
        ("02" + "0" * 62, "fd" + "f" * 30, "fa" + "f" * 30),
        (
            "0100000000000000" + "04" + "0" * 46,
            TWO_BLOCKS + ZEROS + "01" + "0" * 30,
            "14" + "0" * 14 + "55" + "0" * 14,
        ),
        (
            "0100000000000000" + "04" + "0" * 46,
            TWO_BLOCKS + ZEROS,
            "13" + "0" * 30,
        ),
    ],
    ids=["2.5.2", *(f"A.3-{number}" for number in range(1, 12))],
)
def test_authenticators(key, message, expected):
    message = bytes.fromhex(message) if isinstance(message, str) else message
    assert aead.poly1305(bytes.fromhex(key), message).hex() == expected


def test_sealed_letter_of_section_2_8_2():
    nonce, associated = bytes.fromhex("070000004041424344454647"), "50515253c0c1c2c3c4c5c6c7"
    sealed = aead.seal(HIGH, nonce, SUNSCREEN, bytes.fromhex(associated))
    assert sealed.hex() == (
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
        "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b6116"
        "1ae10b594f09e26a7e902ecbd0600691"
    )
    assert aead.unseal(HIGH, nonce, sealed, bytes.fromhex(associated)) == SUNSCREEN


def test_letter_of_appendix_a_5():
    nonce, associated = bytes.fromhex("000000000102030405060708"), "f33388860000000000004e91"
    sealed = (
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
        "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
        "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
        "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
        "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
        "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
        "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
        "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
        "a6ad5cb4022b02709b"
        "eead9d67890cbb22392336fea1851f38"
    )
    key = bytes.fromhex(JABBERWOCKY_KEY)
    opened = aead.unseal(key, nonce, bytes.fromhex(sealed), bytes.fromhex(associated))
    assert opened.decode() == (
        "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
        "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
        "Internet-Drafts as reference material or to cite them other than as /\u201cwork in "
        "progress./\u201d"
    )


def test_the_error_does_not_say_which_part_was_wrong():
    sealed = aead.seal(HIGH, bytes(12), b"share", b"round 1")
    with pytest.raises(ValueError, match="was changed, or sealed for another key or purpose"):
        aead.unseal(HIGH, bytes(12), sealed, b"round 2")
    with pytest.raises(ValueError, match="32 bytes and the nonce 12, not 32 and 11"):
        aead.seal(HIGH, bytes(11), b"share", b"")
