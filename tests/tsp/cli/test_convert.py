import json

from command_line import BERLIN


def test_convert_gives_a_policy_that_solves(tsp, data_folder):
    checkpoint = data_folder / "kool_pretrained" / "tsp_20" / "epoch-99.pt"
    assert tsp("convert", checkpoint, "--problem", "tsp", "--out", "kool.safetensors")[0] == 0
    code, out, err = tsp("solve", BERLIN, "--solver", "policy(path=kool.safetensors)", "--json")
    assert code == 0
    assert json.loads(out)["solutions"][0]["gap"] < 0.2
    assert "trained on 20 to 20 nodes" in err
