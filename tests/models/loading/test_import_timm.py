"""timm without torch's compiler, each in a Python of its own: what is imported stays imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_model_is_loaded_and_traced_without_the_compiler():
    assert (
        run("""
import sys
import numpy as np
import vitviz
model = vitviz.load("test_vit", pretrained=False)
trace = vitviz.trace(model, np.zeros((60, 60, 3), np.uint8))
trace.source.features()
vitviz.draw("rollout", trace)
print([name for name in ("torch._dynamo", "torch._dynamo.utils", "sympy") if name in sys.modules])
""")
        == "[]"
    )


def test_what_was_put_off_is_the_compilers_own_when_it_is_wanted():
    script = """
import sys
from vitviz.models.lean import import_timm
import_timm()
import torch, torchvision, types
from torchvision.ops import roi_align
boxes = torch.tensor([[0.0, 0, 0, 2, 2]])
print(float(roi_align(torch.ones(1, 1, 4, 4, requires_grad=True), boxes, 2).mean()))
from timm.models.naflexvit import NaFlexRopeIterator
put_off = [each for each in vars(NaFlexRopeIterator).values() if hasattr(each, "__wrapped__")]
print(len(put_off) > 0, "torch._dynamo" in sys.modules)

from vitviz.models import lean
@lean._disable
def inner(x):
    return x + 1 if torch.compiler.is_compiling() else x
@torch.compile(backend="eager")
def outer(x):
    return inner(x) * 2
print(outer(torch.ones(())).item(), isinstance(torch._dynamo, types.ModuleType))
print(type(sys.modules["torch._dynamo"]).__name__)
"""
    assert run(script).splitlines() == ["1.0", "True False", "2.0 True", "module"]


def test_anything_else_asked_of_the_compiler_meanwhile_imports_it():
    script = """
import sys
from vitviz.models import lean
class Asks:
    def find_spec(self, name, path=None, target=None):
        if name == "timm.layers":
            import torch._dynamo
            print(type(torch._dynamo).__name__, torch._dynamo.config.__name__)
sys.meta_path.insert(0, Asks())
lean.import_timm()
print(type(sys.modules["torch._dynamo"]).__name__)
"""
    assert run(script).splitlines() == ["_StandIn torch._dynamo.config", "module"]


def test_a_compiler_that_is_here_already_stays():
    assert (
        run("""
import sys, torch._dynamo
before = sys.modules["torch._dynamo"]
from vitviz.models.lean import import_timm
import_timm()
print(sys.modules["torch._dynamo"] is before, "timm" in sys.modules)
""")
        == "True True"
    )
