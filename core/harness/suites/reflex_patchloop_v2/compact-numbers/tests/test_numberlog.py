import varint
from numberlog import dump, fold, load, unfold


def ends_early(data):
    try:
        load(data)
    except EOFError:
        return True
    return False


def test_small_numbers():
    assert dump([]) == b""
    assert dump([0, 1, 2, 63]) == bytes([0, 2, 4, 126])
    assert load(bytes([0, 2, 4, 126])) == [0, 1, 2, 63]


def test_folding():
    assert [fold(number) for number in (0, -1, 1, -2, 2, -64)] == [0, 1, 2, 3, 4, 127]
    assert [unfold(folded) for folded in (0, 1, 2, 3, 4, 127)] == [0, -1, 1, -2, 2, -64]


def test_known_bytes():
    assert varint.write(127) == b"\x7f"
    assert varint.write(128) == b"\x80\x01"
    assert varint.write(300) == b"\xac\x02"
    assert varint.write(16384) == b"\x80\x80\x01"


def test_reading_foreign_files():
    assert varint.read(b"\xac\x02", 0) == (300, 2)
    assert varint.read(b"\x05\x80\x80\x01\x07", 1) == (16384, 4)
    assert varint.read(b"\x81\x00", 0) == (1, 2)
    assert load(b"\xd8\x04\xd7\x04") == [300, -300]


def test_there_and_back():
    numbers = [
        0,
        -1,
        63,
        64,
        -64,
        -65,
        127,
        128,
        8191,
        8192,
        -8193,
        10**6,
        -(10**6),
        2**70,
        -(2**70),
    ]
    assert load(dump(numbers)) == numbers


def test_every_small_number():
    numbers = list(range(-700, 700))
    assert load(dump(numbers)) == numbers


def test_small_numbers_take_one_byte():
    assert all(len(dump([number])) == 1 for number in range(-64, 64))
    assert len(dump([64])) == len(dump([-65])) == 2


def test_data_that_ends_early():
    assert ends_early(b"\x80")
    assert ends_early(b"\x02\xff\xff")
