"""CVRPLIB's `.sol` files."""

import pytest

from tsp.formats import read_solution
from tsp.instance import Instance

INSTANCE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]])


@pytest.mark.parametrize(
    "text", ["Route #1: 2 1\nRoute #2: 3\nCost 27591\n", "Cost 1.5\r\nRoute 1 : 2 1\r\n\r\nroute #2:3\r\n"]
)
def test_routes_go_out_from_the_depot(tmp_path, text):
    path = tmp_path / "a.sol"
    path.write_bytes(text.encode())
    assert [tour.tolist() for tour in read_solution(path, INSTANCE)] == [[0, 2, 1], [0, 3]]


@pytest.mark.parametrize(
    ("text", "line", "piece"),
    [
        ("Cost 5\n", 1, "the file ends without a route"),
        ("Route #1: 2 x\n", 1, "'x', expected a customer's number"),
        ("Route #1: 2\nRoute #2: -1\n", 2, "'-1', expected a customer's number"),
        ("Route #1: 2\nNAME : a280\n", 2, "'NAME : a280', expected a line 'Route #k: …' or 'Cost …'"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path, text, line, piece):
    path = tmp_path / "a.sol"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.sol") as refusal:
        read_solution(path, INSTANCE)
    assert str(refusal.value) == f"{path}:{line}: {piece}"


@pytest.mark.data
def test_a_real_solution_serves_every_customer_once(data_folder):
    instance = Instance([[0, 0]] * 32)
    tours = read_solution(data_folder / "cvrplib" / "A-n32-k5.sol", instance)
    assert len(tours) == 5
    assert sorted(node for tour in tours for node in tour[1:].tolist()) == list(range(1, 32))
