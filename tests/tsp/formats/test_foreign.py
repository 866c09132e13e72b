"""Files of other programs are refused with what they are."""

import io
import zipfile

import pytest

from tsp.formats import read, read_matrix, read_solution, write_instances
from tsp.instance import Instance

SQUARE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], name="square")
EXPORT = "in the spreadsheet program save or export the sheet as CSV"


def archive(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return out.getvalue()


EXCEL = archive(xl__workbook="<workbook/>")
ODS = archive(mimetype="application/vnd.oasis.opendocument.spreadsheet", content="")
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods", "a.xls", "a.csv", "a.tsp", "a.txt", "a", "a.sol", "a.json"])
@pytest.mark.parametrize(
    ("data", "what"),
    [(EXCEL, "an Excel workbook"), (ODS, "an OpenDocument spreadsheet"), (OLD_EXCEL, "an Excel workbook or another")],
)
def test_a_spreadsheet_is_refused_under_any_ending_with_how_to_export_it(tmp_path, name, data, what):
    path = tmp_path / name
    path.write_bytes(data)
    readers = [lambda: read_matrix(path), lambda: read_solution(path, SQUARE)]
    readers += [lambda: read(path)] if path.suffix != ".sol" else []
    for reader in readers:
        with pytest.raises(ValueError, match=rf"^{path}: {what}.*{EXPORT}") as refusal:
            reader()
        assert "\n" not in str(refusal.value)


def test_a_spreadsheet_that_is_cut_off_is_still_called_one(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(EXCEL[:40])
    with pytest.raises(ValueError, match=r"a\.xlsx: an Excel workbook, cut off or damaged"):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.pdf", b"%PDF-1.7", "a PDF document, expected a list of nodes; export it as CSV"),
        ("a.zip", archive(ring="x"), "a ZIP archive, expected the file that is in it; unpack it first"),
        ("a.tsp.bz2", b"BZh91AY", "packed with bzip2, expected the file that is in it; unpack it first"),
        ("a.gpx", b"<?xml version='1.0'?>\n<gpx><wpt/></gpx>", "the root element <gpx>, expected a list of nodes"),
        ("a.xls", b"\n<HTML><table></table></HTML>", f"the root element <html>, expected CSV; {EXPORT}"),
        ("a.xml", b"<?xml version='1.0'?><ss:Workbook>", f"the root element <workbook>, expected CSV; {EXPORT}"),
        ("a.xml", b"<?xml version='1.0'?>", "markup with the root element <xml>"),
    ],
)
def test_files_of_other_programs_are_named_in_the_message(tmp_path, name, data, what):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=what):
        read(tmp_path / name)


def test_a_csv_file_that_is_called_a_workbook_is_read(write):
    assert read(write("name\tx\ty\nA\t0\t0\nB\t1\t1\n", "a.xls"))[0].size == 2


def test_an_npz_set_without_its_ending_is_still_read(tmp_path):
    write_instances(tmp_path / "a.npz", [SQUARE])
    (tmp_path / "a.npz").rename(tmp_path / "a")
    assert read(tmp_path / "a")[0].size == 4
