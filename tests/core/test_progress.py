"""What is refused is said in a sentence that can be read."""

from __future__ import annotations

from vitviz.core.progress import BadImage, VitvizError


def test_what_a_file_says_never_fills_the_screen() -> None:
    said = str(VitvizError(f"mine.vitviz is damaged ({'x' * 5000}); choose another session"))
    assert len(said) < 200
    assert said.startswith("mine.vitviz is damaged (xxx")
    assert said.endswith("xxx); choose another session")
    assert "…" in said
    assert len(str(BadImage("one two three " * 1000))) == 2000


def test_an_ordinary_sentence_stays_as_it_is() -> None:
    sentence = f"/{'folder/' * 40}dog.png was not found; open it from where it is now"
    assert str(VitvizError(sentence)) == sentence
