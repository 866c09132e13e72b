import subprocess
import sys

import tsp
from tsp.instance import Instance
from tsp.solution import check


def test_the_package_exports_instances_the_checker_and_the_shortcuts():
    assert tsp.Instance is Instance
    assert tsp.check is check
    assert all(callable(getattr(tsp, name)) for name in tsp.__all__)


def test_importing_the_package_loads_no_other_module_of_it_and_no_numpy():
    code = "import sys, tsp; print(sorted(m for m in sys.modules if m.startswith('tsp.') or m == 'numpy'))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
