"""What each way of asking why computes, where it comes from, and what is not copied of its code."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vitviz.core.data.attribution import SIGNED, Method
from vitviz.core.language import N_, _
from vitviz.views.options import Look


@dataclass(frozen=True, slots=True)
class MethodWords:
    """A method's formula, source, label of its numbers and, where there is one, a remark."""

    formula: str
    source: str
    label: str
    remark: str = ""


METHODS: dict[Method, MethodWords] = {
    "relevance": MethodWords(
        N_("w ← w + w · mean_h (∇A ⊙ A)⁺, from the last layer to the first"),
        "Chefer, Gur and Wolf 2021, arXiv:2103.15679",
        N_("relevance"),
    ),
    "gradient x attention": MethodWords(
        N_("(∇A ⊙ A)[token], one layer, mean of its heads or one"),
        "Barkan et al. 2021, Grad-SAM, arXiv:2204.11073",
        N_("gradient × attention"),
    ),
    "gradient rollout": MethodWords(
        N_("w ← w · rows((mean_h ∇A ⊙ A)⁺ + I)"),
        "vit-explain, Gildenblat 2020",
        N_("contribution"),
        N_(
            "Each layer's gradient meets its own attention and rows sum to 1; the published "
            "code pairs the "
            "first layer's attention with the last one's gradient and does not normalise (its "
            "issue 6)."
        ),
    ),
    "LeGrad": MethodWords(
        N_("Σ_l mean over heads and queries of (∂s_l / ∂A_l)⁺, s_l = head(norm(x_l))[target]"),
        "Bousselham et al. 2024, arXiv:2404.03214",
        "LeGrad",
        N_(
            "Each layer's own score is of the mean of its tokens where the head reads a class "
            "token, as in "
            "the published code."
        ),
    ),
    "Grad-CAM": MethodWords(
        N_("(Σ_c mean_patches(∂t/∂x_c) x_c)⁺ of the block's first norm"),
        "Selvaraju et al. 2017, arXiv:1610.02391",
        "Grad-CAM",
    ),
    "LayerCAM": MethodWords(
        N_("(Σ_c (∂t/∂x_c)⁺ x_c)⁺ of the block's first norm"),
        "Jiang et al. 2021, IEEE TIP 30",
        "LayerCAM",
    ),
    "input x gradient": MethodWords(
        N_("Σ over a patch of x ⊙ ∂t/∂x, x as the model reads it (mean grey is 0)"),
        "Shrikumar et al. 2016, arXiv:1605.01713",
        N_("input × gradient"),
    ),
    "integrated gradients": MethodWords(
        N_("Σ over a patch of (x − x₀) ⊙ ∫ ∂t/∂x along the way from x₀ to x"),
        "Sundararajan et al. 2017, arXiv:1703.01365",
        N_("integrated gradient"),
        N_("The completeness error says how far the sum is from the target's change."),
    ),
    "SmoothGrad": MethodWords(
        N_("Σ over a patch of |mean over noise of ∂t/∂x|"),
        "Smilkov et al. 2017, arXiv:1706.03825",
        N_("smoothed gradient"),
    ),
    "occlusion": MethodWords(
        N_("t − t with the patch hidden; mean over the windows that hide it"),
        "Zeiler and Fergus 2014, arXiv:1311.2901",
        N_("fall of the target"),
    ),
    "RISE": MethodWords(
        N_("E[p · mask] / E[mask] over random masks of 7 × 7 cells, half of them visible"),
        "Petsiuk et al. 2018, arXiv:1806.07421",
        N_("mean score where visible"),
    ),
    "rollout": MethodWords(
        N_(
            "w ← (w + w · mean_h A) / 2, from the last layer to the first; asks nothing about "
            "the target"
        ),
        "Abnar and Zuidema 2020, arXiv:2005.00928",
        N_("contribution"),
    ),
    "attention": MethodWords(
        N_("mean_h A[token] of the last layer; asks nothing about the target"),
        "Caron et al. 2021, arXiv:2104.14294",
        "attention",
    ),
}


def look_of(method: Method, look: Look) -> Look:
    """Signed maps in a diverging table, unless another one was chosen."""
    return replace(look, table="vik") if method in SIGNED and look.table == "viridis" else look


def method_sentences(method: Method) -> tuple[str, ...]:
    """Formula, source and remark, for captions."""
    words = METHODS[method]
    return (
        _("{method}: {formula} ({source}).").format(
            method=_(method), formula=_(words.formula), source=words.source
        ),
        *((_(words.remark),) if words.remark else ()),
    )
