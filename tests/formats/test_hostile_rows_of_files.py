"""Files made to harm: each is refused in one line, or costs the rows that it breaks."""

import bz2
import lzma
import tracemalloc
import zlib
from collections import deque
from pathlib import Path

import pyarrow as pa
import pytest
from written_rows import put, tmx

from nmt.corpus.readers import RawRow, open_pairs
from nmt.errors import UnusableInput
from nmt.formats import json_lines, packed
from nmt.formats import tmx as tmx_reader
from nmt.formats.rows import count_lines
from nmt.storage.location import Location
from nmt.text_limits import MalformedRow
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit

ROWS = [{"id": "1", "source": "A dog.", "target": "Ein Hund."}]


def pairs(file: Path) -> list[RawRow]:
    return list(open_pairs(Location(file), languages=("en", "de")).rows())


def refused(file: Path, reason: str, sentences: bool = True) -> str:
    messages = set()
    reader = open_pairs(Location(file), languages=("en", "de"))
    jobs = (lambda: deque(reader.rows(), 0), lambda: inspect(str(file), "source", language="en"))
    for read in jobs if sentences else jobs[:1]:
        with pytest.raises(UnusableInput, match=reason) as caught:
            read()
        messages.add(str(caught.value))
    assert all(str(file) in message and "\n" not in message for message in messages)
    return messages.pop()


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (f'<!DOCTYPE tmx [<!ENTITY l0 "ha">{LAUGHS}]>', "line 1 declares a document type"),
        ('<!DOCTYPE tmx [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "declares a document type"),
        ('<!DOCTYPE tmx [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>', "declares a document"),
        ("<!DOCTYPE tmx [<!ELEMENT tmx ANY>]>", "declares a document type"),
        ("<a/>", "line 1 begins <a>, not <tmx>"),
        ("&x;", "line 1 is not well-formed XML"),
        (f"<!--{'x' * (1 << 18)}-->", "begins markup of more than 4 MiB"),
        (f"<tmx a='{'x' * (1 << 18)}'>", "begins markup of more than 4 MiB"),
        ("<tmx>" * 101, "nests elements deeper than 100"),
        (
            "<tmx>" + "".join(f"<e{n}/>" for n in range(1001)),
            "has more than 1,000 names of elements and attributes",
        ),
        (
            "<tmx><e " + " ".join(f'a{n}=""' for n in range(1001)) + ">",
            "has more than 1,000 names of elements and attributes",
        ),
    ],
)
def test_hostile_xml_is_refused_in_one_line(tmp_path, head, reason, monkeypatch) -> None:
    monkeypatch.setattr(tmx_reader, "_LONGEST_MARKUP", 1 << 17)
    refused(put(tmp_path / "a.tmx", tmx(ROWS, head)), reason)


def test_entities_are_not_expanded_and_files_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "tmx14.dtd").write_text('<!ENTITY x "secret">')
    doctype = f'<!DOCTYPE tmx SYSTEM "{tmp_path}/tmx14.dtd">'  # as TMX 1.4 has it
    assert pairs(put(tmp_path / "a.tmx", tmx(ROWS, doctype)))[0].source == b"A dog."
    data = tmx(ROWS, doctype).replace(b"A dog.", b"&x;")
    assert "secret" not in refused(put(tmp_path / "a.tmx", data), "declares or uses an entity")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tmx(ROWS)[:-20], "is not well-formed XML"),
        (tmx(ROWS).replace(b"A dog.", b"<b>A dog."), "line 1 is not well-formed XML"),
        (tmx(ROWS).replace(b"A dog.", b"&#0;"), "not well-formed"),
        (tmx(ROWS).replace(b"1.0", b"1.0' encoding='utf-7", 1).replace(b'"', b"'"), "'utf-7'"),
        (tmx(ROWS).replace(b'"en"', b'"fr"'), "no column|no row"),
    ],
)
def test_what_is_no_tmx_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    refused(put(tmp_path / "a.tmx", data), reason)


def test_languages_are_those_of_the_file(tmp_path: Path) -> None:
    data = tmx(ROWS).replace(b'"de-AT"', b'"DE_at"')
    file = put(tmp_path / "a.tmx", data)
    for target in ("de", "de-AT", "de_at", "DE-AT"):
        reader = open_pairs(Location(file), languages=("en", target))
        assert [(row.source, row.target) for row in reader.rows()] == [(b"A dog.", b"Ein Hund.")]
    with pytest.raises(UnusableInput, match=r"no column 'fr' \(there are tuid, .*--target"):
        open_pairs(Location(file), languages=("en", "fr")).inspect()
    with pytest.raises(UnusableInput, match=r"several columns .* give --source-language"):
        open_pairs(Location(file)).inspect()
    with pytest.raises(UnusableInput, match=r"no column 'fr' \(there are .*--text-column"):
        inspect(str(file), "fr", language="en")
    two = data.replace(b"</tu>", b"<tuv lang='de-CH'><seg>x</seg></tuv></tu>")
    file = put(tmp_path / "b.tmx", two)
    with pytest.raises(UnusableInput, match=r"no column 'de' .*de-AT, de-CH"):
        open_pairs(Location(file), languages=("en", "de")).inspect()


def test_inline_codes_are_no_text_and_encodings_are_read(tmp_path: Path) -> None:
    seg = "A <bpt i='1'>&lt;b></bpt><hi>fat</hi><ept i='1'>&lt;/b></ept> dög<ph><sub>x</sub></ph>."
    data = tmx(ROWS).decode().replace("A dog.", seg)
    for encoding, name in (("utf-8", ""), ("utf-16", ""), ("latin-1", " encoding='ISO-8859-1'")):
        text = data.replace('version="1.0"', f'version="1.0"{name}', 1)
        file = put(tmp_path / "a.tmx.gz", text.encode(encoding))
        assert pairs(file)[0].source == "A fat dög.".encode()


BOMB = bytes(8 << 20) + b"\n"
LINES = (b"x\t" + b"y" * 4000 + b"\n") * 2000
ZSTD = pa.Codec("zstd", 19)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl.bz2", bz2.compress(BOMB)),
        ("a.csv.xz", lzma.compress(BOMB)),
        ("a.tmx.zst", ZSTD.compress(BOMB, asbytes=True)),
        ("a.zst", ZSTD.compress(LINES, asbytes=True)),
        ("a.bz2", bz2.compress(LINES, 1)),
    ],
    ids=["bz2", "xz", "zst", "lines-zst", "lines-bz2"],
)
def test_what_unpacks_out_of_all_proportion_costs_no_memory(
    tmp_path, name, data, monkeypatch
) -> None:
    monkeypatch.setattr(packed, "_MOST_UNPACKED", 1 << 20)
    (tmp_path / name).write_bytes(data)
    tracemalloc.start()
    try:
        refused(tmp_path / name, r"bytes that unpack to more than 1,048,576|binary data")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["bz2", "xz", "zst"])
def test_a_file_that_is_cut_off_is_damaged(tmp_path: Path, ending: str) -> None:
    whole = put(tmp_path / f"a.tsv.{ending}", b"".join(b"%d\tx\n" % i for i in range(9000)))
    data = whole.read_bytes()
    for cut in (data[: len(data) // 2], data[:-1], data + data[:30]):
        whole.write_bytes(cut)
        refused(whole, r"damaged or cut off .*; fetch it again", sentences=False)
    whole.write_bytes(data + data)
    assert open_pairs(Location(whole)).inspect().rows == 18_000


def test_an_xz_file_claims_no_memory(tmp_path: Path) -> None:
    data = bytearray(lzma.compress(b"a\tb\n", preset=0))
    data[16] = 38  # the size of the dictionary, 2 GiB, in the header of the block
    header = slice(12, 12 + 4 * data[12])
    data[header.stop : header.stop + 4] = zlib.crc32(data[header]).to_bytes(4, "little")
    (tmp_path / "a.tsv.xz").write_bytes(data)
    refused(tmp_path / "a.tsv.xz", r"cannot be unpacked .* more than 256 MiB", sentences=False)


def test_rows_that_are_none_are_rejected_one_by_one(tmp_path: Path) -> None:
    bad = ["[1]", "{", '"x"', '{"source": NaN}', '{"source": "a", "source": "b"}', "no",
           '{"source": 1' + "0" * 30 + "}", '{"source":' + "[" * 5000 + "]" * 5000 + "}",
           '{"source": "\\ud800"}', '{"source": 5, "id": 7}', '{"source":[], "id": 8}']  # fmt: skip
    good = ['{"source": "A dog.", "target": "Ein Hund.", "id": 100}', "", "  ", '{"id": 3}']
    file = put(tmp_path / "a.jsonl", "\n".join([*good, *bad]).encode())
    corpus = inspect(str(file), "source")
    (unit,) = corpus.units()
    rows = read_unit(unit, "source", corpus.id_column)
    assert rows.ids.to_pylist() == [100, 3, *range(-3, -12, -1), 7, 8]
    assert rows.texts[:2] == [b"A dog.", None]
    assert all(isinstance(text, MalformedRow) for text in rows.texts[2:])
    assert rows.texts[2] == b"[1]"
    read = pairs(file)
    assert [row.line for row in read] == [1, *range(4, 16)]
    assert all(row.target is None for row in read[1:])


def test_a_quote_that_stays_open_costs_one_line(tmp_path: Path) -> None:
    lines = ["id,source,target", "1,a,b", '2,"open,c', "3,d,e,f", "4,g", '5,"h ""i""\nj",k',
             '6,"l"m,n', "", '7,o "p",q', '8,"r,s']  # fmt: skip
    file = put(tmp_path / "a.csv", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    corpus = inspect(str(file), "source")
    (unit,) = corpus.units()
    rows = read_unit(unit, "source", corpus.id_column)
    bad = [isinstance(text, MalformedRow) for text in rows.texts]
    assert bad == [False, True, True, True, False, True, False, True]
    assert rows.texts[1] == b'2,"open,c'
    assert [text for text, is_bad in zip(rows.texts, bad, strict=True) if not is_bad] == [
        *(b"a", b'h "i"\nj', b'o "p"')
    ]
    assert rows.ids.to_pylist() == ["1", "row 2", "row 3", "row 4", "5", "row 6", "7", "row 8"]
    assert [row.line for row in pairs(file)] == [2, 3, 4, 5, 6, 8, 10, 11]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.csv", b"a,b,a\n1,2,3\n", "several columns 'a'"),
        ("a.csv", b"source;target\nx;y\n", "its cells stand between ';'"),
        ("a.csv", b'"source,target\nx,y\n', "its first line is no header of CSV"),
        ("a.csv", b"sour\xffce,target\nx,y\n", "its first line is no header of CSV"),
        ("a.csv", ",".join(f"c{i}" for i in range(1001)).encode(), "more than 1,000 columns"),
        ("a.csv", b"source,target\n", "holds no row|no column"),
        ("a.jsonl", b"[\n1,\n2\n]\n", r"no column 'source' \(there are none\)"),
        ("a.jsonl", b"".join(b'{"c%d": 1}\n' % i for i in range(1001)), "more than 1,000 columns"),
    ],
)  # fmt: skip
def test_a_file_without_the_columns_is_refused(tmp_path, name, data, reason) -> None:
    refused(put(tmp_path / name, data), reason)


def test_one_kind_of_files_at_a_time(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", b'{"source": "x"}\n')
    put(tmp_path / "b.csv", b"source\nx\n")
    with pytest.raises(UnusableInput, match="holds CSV and JSONL files; give one kind at a"):
        inspect(str(tmp_path), "source")
    (tmp_path / "b.csv").unlink()
    (tmp_path / "domain=news").mkdir()
    put(tmp_path / "domain=news/b.jsonl.gz", b'{"source": "y", "n": 1}\n\n[]\n')
    corpus = inspect(str(tmp_path), "source")
    rows = [read_unit(unit, "source", None) for unit in corpus.units()]
    assert [(row.ids.to_pylist(), row.others.to_pylist()) for row in rows] == [
        ([0, 1, 2], [{"n": None, "domain": None}, {"n": 1, "domain": "news"},
                     {"n": None, "domain": "news"}])
    ]  # fmt: skip


def test_a_row_without_end_is_not_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_lines, "LONGEST_ROW", 1 << 20)
    huge = b'{"source": "' + b"x" * (8 << 20) + b'"}\n'
    file = put(tmp_path / "a.jsonl", huge + b'{"source": "a", "target": "b"}\n')
    tracemalloc.start()
    try:
        read = pairs(file)
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()
    assert [(len(row.source or b""), row.target) for row in read] == [(200_001, None), (1, b"b")]
    assert count_lines((tmp_path / "a.jsonl").open("rb"))[0] == 2


def test_what_cannot_be_read_is_named_with_its_line_and_the_reason(tmp_path, capsys) -> None:
    put(tmp_path / "a.csv", b'id,source\n1,x\n2\n3,"x\n4,y\n5,\xff\n')
    inspect(str(tmp_path), "source")
    told = capsys.readouterr().err.splitlines()
    lines = [line.partition(f"{tmp_path}/")[2] for line in told if "rejected" in line]
    for line in (
        "a.csv: line 3: not 2 cells, but 1; the row is rejected",
        "a.csv: line 4: quotes that are wrong or not closed, or more than 16 MiB; the row is "
        "rejected",
        "a.csv: line 6: bytes that are not UTF-8; the row is rejected",
    ):
        assert line in lines
    assert len(lines) == 3
    put(tmp_path / "a.csv", b"id,source\n" + b"x\n" * 30 + b"6,x\n")
    inspect(str(tmp_path), "source")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 21
    assert "and 10 more like" in told[-1]
