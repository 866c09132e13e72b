"""Text files packed with gzip."""

import gzip

import pytest

from tsp.formats import read, read_matrix, read_plan, read_solution, read_walls
from tsp.instance import Instance

SQUARE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], name="square")
RING = "NAME: x\nTYPE: TSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n1 0 0\n2 3 4\nEOF\n"
INSTANCES = {
    "ring.tsp": (RING, "tsp", 2),
    "stops.CSV": ("name,x,y\nA,0,0\nB,1,1\nC,2,2\n", "tsp", 3),
    "list.txt": ("0 0\n1 1\n", "tsp", 2),
    "set.tw": ("2\n0 5\n5 0\n0 9\n0 9\n", "tsptw", 2),
    "places.geojson": ('{"type": "Point", "coordinates": [7, 50]}', "tsp", 1),
}


@pytest.fixture
def pack(tmp_path):
    """A function that writes a file packed with gzip and returns its path."""

    def pack(text, name):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
        return path

    return pack


@pytest.mark.parametrize("name", INSTANCES)
@pytest.mark.parametrize("ending", [".gz", ".GZ", ""])
def test_a_packed_instance_is_read_and_named_without_gz(pack, name, ending):
    text, problem, size = INSTANCES[name]
    (instance,) = read(pack(text, name + ending))
    assert (instance.name, instance.problem, instance.size) == (name.split(".")[0], problem, size)


SOLUTIONS = {
    "a.tour": "TYPE: TOUR\nTOUR_SECTION\n1 3 2 4 -1\n",
    "a.sol": "Route #1: 2 1 3\n",
    "a.csv": "name\n1\n3\n2\n4\n",
    "a.json": '{"solutions": [{"instance": "square", "tours": [[0, 2, 1, 3]]}]}',
    "concorde.sol": "4\n0 2 1 3\n",
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_packed_solution_is_read(pack, name):
    path = pack(SOLUTIONS[name], name + ".gz")
    assert [tour.tolist() for tour in read_solution(path, SQUARE)] == [[0, 2, 1, 3]]
    assert read_plan(path, SQUARE).amounts is None


def test_packed_tables_beside_an_instance_are_read(pack):
    assert read_matrix(pack("0,1\n2,0\n", "roads.csv.gz")).tolist() == [[0, 1], [2, 0]]
    assert read_walls(pack("x1,y1,x2,y2\n0,0,1,1\n", "walls.csv.gz")).tolist() == [[[0, 0], [1, 1]]]


def test_an_error_in_a_packed_file_names_its_line(pack):
    path = pack(RING.replace("2 3 4", "2 three 4"), "ring.tsp.gz")
    with pytest.raises(ValueError, match="expected a number") as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}:7: ")


BIG = gzip.compress(RING.encode() * 50, mtime=0)


@pytest.mark.parametrize(
    ("data", "piece"),
    [
        (BIG[:-20], "the gzip file is cut off, expected the whole file"),
        (BIG[:5], "the gzip file is cut off, expected the whole file"),
        (BIG[:-8] + bytes(8), "the gzip file is damaged and cannot be unpacked"),
        (BIG + b"more", "the gzip file is damaged and cannot be unpacked"),
        (BIG[:12] + b"\xff" * 30 + BIG[42:], "the gzip file is damaged and cannot be unpacked"),
        (RING.encode(), "not packed with gzip as its ending says, expected a gzip file"),
        (b"", "not packed with gzip as its ending says, expected a gzip file"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
    ],
)
def test_a_broken_gzip_file_is_refused_in_one_sentence(tmp_path, data, piece):
    path = tmp_path / "ring.tsp.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=piece) as refusal:
        read(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("ending", [".npz", ".pkl", ".pickle"])
def test_a_packed_set_is_refused_with_what_to_do(pack, ending):
    with pytest.raises(ValueError, match=rf"set\{ending}\.gz: a packed \{ending} file, .*unpack it first"):
        read(pack("anything", f"set{ending}.gz"))
