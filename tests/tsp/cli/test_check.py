import pytest
from command_line import BERLIN, refusal


def test_check_names_the_violated_rule_and_exits_with_1(tsp, tmp_path):
    (tmp_path / "bad.tour").write_text("TYPE: TOUR\nDIMENSION: 52\nTOUR_SECTION\n1\n2\n3\n-1\nEOF\n")
    code, out, _ = tsp("check", BERLIN, "bad.tour")
    assert code == 1
    assert "not visited" in out


@pytest.mark.data
def test_solve_refuses_fixed_edges_by_name_and_check_accepts_them(tsp, data_folder):
    path = data_folder / "tsplib" / "linhp318.tsp"
    assert "linhp318: it fixes 1 edge" in refusal(tsp("solve", path))
    code, out, _ = tsp("check", path, data_folder / "tsplib" / "linhp318.opt.tour")
    assert code == 0
    assert "45214" in out
