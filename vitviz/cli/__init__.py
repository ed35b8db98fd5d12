"""The command line: the same engine and views without a window, and the wishes for one."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from vitviz.cli.batch_command import batch
from vitviz.cli.card_command import card
from vitviz.cli.command_arguments import (
    ALLOW_DOWNLOAD,
    DEVICE,
    FIT,
    HEAD,
    LAYER,
    MODEL,
    PATCH,
    PIXELS,
    TOKEN,
    Misused,
    view_named,
    window_size,
)
from vitviz.cli.draw_command import draw
from vitviz.cli.index_commands import find, index
from vitviz.cli.list_commands import list_models, list_views, smoke
from vitviz.cli.model_arguments import SaidOfModel, input_sides
from vitviz.cli.picture_sources import with_streams
from vitviz.cli.rate_command import rate
from vitviz.cli.replay_command import replay
from vitviz.cli.statistics_commands import merge, stats
from vitviz.cli.trace_command import trace
from vitviz.core.data.trace import Fit
from vitviz.core.printable import printable
from vitviz.core.progress import StillAssumed, VitvizError
from vitviz.core.version import __version__
from vitviz.session.app.launch_options import LaunchOptions

OpenWindow = Callable[[LaunchOptions], int]

_PICTURES = Parameter(help="Pictures, folders of pictures, or a checkpoint file.")

HELP = "See inside vision transformers. Without a command it opens the window."
EXIT_CODES = (
    "Exit codes: 0 all went well, 1 it failed, 2 the arguments are wrong, 3 some pictures of many "
    "failed, 130 stopped."
)
EXAMPLES = {
    "": (
        "vitviz photo.jpg --model vit_tiny_patch16_224",
        "vitviz draw photo.jpg --view rollout -o rollout.pdf",
        "vitviz batch photos --view rollout --out results",
        "vitviz replay rollout.pdf -o again.png",
    ),
    "draw": (
        "vitviz draw photo.jpg --view rollout -o rollout.pdf",
        "vitviz draw photo.jpg -v heads --token 7,7 --layer 5 --data -o heads.png",
        "vitviz draw photo.jpg -v rollout --over layer -o layers.gif",
        "vitviz draw photo.jpg -v heads --over layer=0,5,11 --over head -o grid.svg",
        "vitviz draw photo.jpg -v difference --against 8 -o difference.png",
    ),
    "trace": (
        "vitviz trace photo.jpg --model vit_tiny_patch16_224 -o rows.npz",
        "vitviz trace photo.jpg --token 7,7 --matrices -o all.npz",
    ),
    "replay": (
        "vitviz replay figure.png -o again.pdf",
        "vitviz replay figure.pdf -o numbers.npz --picture photos/dog.jpg",
    ),
    "batch": (
        "vitviz batch photos --view rollout --view heads --out results",
        "vitviz batch photos --rows --out numbers --model vit_tiny_patch16_224",
        "vitviz batch photos --rows --features --numbers parquet -o numbers",
        "vitviz batch film.mp4 --view rollout --kind mp4 --one-range -o film",
        "vitviz batch photos -v rollout -k pdf -k npz --one-range --shard 1/4 -o results",
    ),
    "stats": (
        "vitviz stats photos --view distance --view entropy -o stats.npz",
        "vitviz stats photos -v distance -m vit_base_patch16_224 -o distance.pdf",
        "vitviz stats photos -v distance --shard 1/4 -o part-1.npz",
    ),
    "merge": (
        "vitviz merge part-1.npz part-2.npz part-3.npz part-4.npz -o all.npz",
        "vitviz merge all.npz --view distance -o distance.pdf",
        "vitviz merge all.npz -o all.parquet",
    ),
    "index": (
        "vitviz index photos --layer 8 -o photos.index",
        "vitviz index photos --of keys --layer -1 -m vit_small_patch14_dinov2 -o keys.index",
    ),
    "find": (
        "vitviz find photos.index --picture photos/dog.jpg --token 7,7",
        "vitviz find photos.index --picture photos/dog.jpg --token 7,7 --not 0,0 -o found.png",
        "vitviz find heads.index --head 3 --token class",
    ),
    "rate": (
        "vitviz rate photos -o rated --model vit_tiny_patch16_224 --method relevance --method LeGrad",
        "vitviz rate photos -o rated --target 'Egyptian cat' --fill blur --json",
    ),
    "views": ("vitviz views", "vitviz views --json"),
    "models": (
        "vitviz models",
        "vitviz models dinov2 small --json",
        "vitviz models --check",
        "vitviz models cait swin_transformer --check",
    ),
    "smoke": ("vitviz smoke", "vitviz smoke --json"),
    "card": (
        "vitviz card my_model.pth -o my_model.json",
        "vitviz card my_model.pth --architecture vit_tiny_patch16_224 --mean 0.5 --std 0.5",
    ),
    "completion": (
        'eval "$(vitviz completion bash)"',
        "vitviz completion fish > ~/.config/fish/completions/vitviz.fish",
    ),
}


def run(argv: Sequence[str], open_window: OpenWindow) -> int:
    """Does what the arguments say; 0 when it worked, 1 when it failed, 2 when they are wrong."""
    app = _app(open_window)
    try:
        result = app(with_streams(argv), exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except VitvizError as error:
        said = error.flagged if isinstance(error, StillAssumed) else str(error)
        print(f"vitviz: {printable(said)}", file=sys.stderr)
        return 2 if isinstance(error, Misused) else 1
    except KeyboardInterrupt:
        print(
            "vitviz: stopped; what is finished stays, and a batch goes on from there",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:  # `vitviz views | head`: nobody reads on, and Python must not mind
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _no_command(word: str) -> None:
    """Misused for a first word that is no file but nearly a command, which a window would not say."""
    near = difflib.get_close_matches(word.lower(), [name for name in EXAMPLES if name], n=1)
    if near and not Path(word).suffix and not Path(word).exists():
        raise Misused(f"there is no file or command {word!r}; did you mean vitviz {near[0]}?")


def _examples(command: str) -> str:
    """A command's examples, as the end of its help."""
    return "\n\n".join(["Examples:", *EXAMPLES[command]])


def _app(open_window: OpenWindow) -> App:
    app = App(
        name="vitviz",
        help=HELP,
        help_epilogue=f"{_examples('')}\n\n{EXIT_CODES}",
        version=f"vitviz {__version__}",
        result_action="return_value",
        default_parameter=Parameter(negative=(), show_default=False),
        suppress_keyboard_interrupt=False,
    )
    app.command(list_views, name="views", help_epilogue=_examples("views"))
    app.command(list_models, name="models", help_epilogue=_examples("models"))
    app.command(draw, help_epilogue=_examples("draw"))
    app.command(trace, help_epilogue=_examples("trace"))
    app.command(replay, help_epilogue=_examples("replay"))
    app.command(batch, help_epilogue=_examples("batch"))
    app.command(rate, help_epilogue=_examples("rate"))
    app.command(stats, help_epilogue=_examples("stats"))
    app.command(merge, help_epilogue=_examples("merge"))
    app.command(index, help_epilogue=_examples("index"))
    app.command(find, help_epilogue=_examples("find"))
    app.command(card, help_epilogue=_examples("card"))
    app.command(smoke, help_epilogue=_examples("smoke"))

    @app.command(help_epilogue=_examples("completion"))
    def completion(
        shell: Annotated[
            Literal["bash", "zsh", "fish"], Parameter(help="For which shell.")
        ] = "bash",
    ) -> int:
        """Print a script that completes vitviz's words in a shell."""
        print(app.generate_completion(prog_name="vitviz", shell=shell))
        return 0

    @app.default
    def window(
        *files: Annotated[str, _PICTURES],
        model: Annotated[str, MODEL] = "",
        patch: Annotated[int | None, PATCH] = None,
        fit: Annotated[Fit | None, FIT] = None,
        device: Annotated[str, DEVICE] = "",
        theme: Annotated[
            Literal["auto", "dark", "light"] | None, Parameter(help="Colours of the window.")
        ] = None,
        size: Annotated[str, Parameter(help="Size of the window in pixels as WIDTHxHEIGHT.")] = "",
        screenshot: Annotated[
            Path | None, Parameter(help="Paint everything, save it to this PNG and close.")
        ] = None,
        token: Annotated[str, TOKEN] = "",
        layer: Annotated[int | None, LAYER] = None,
        head: Annotated[int | None, HEAD] = None,
        view: Annotated[str, Parameter(help="The view to maximise.")] = "",
        allow_download: Annotated[bool, ALLOW_DOWNLOAD] = False,
        input_size: Annotated[str, PIXELS] = "",
        said: SaidOfModel | None = None,
    ) -> int:
        """Open the window."""
        _no_command(files[0] if files else "")
        return open_window(
            LaunchOptions(
                files,
                model,
                patch,
                fit,
                device,
                theme,
                window_size(size),
                screenshot,
                token,
                layer,
                head,
                view_named(view).name if view else "",
                allow_download,
                input_sides(input_size),
                (said or SaidOfModel()).architecture,
                (said or SaidOfModel()).facts,
            )
        )

    return app
