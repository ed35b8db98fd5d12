"""Files of other programs, named for what they are, each with a way out that works."""

from __future__ import annotations

from typing import Final

from vitviz.core.data.weight_files import WeightFormat

_TENSORS = "torch.save(model.state_dict(), 'weights.pth')"

_SENTENCES: Final[dict[WeightFormat, str]] = {
    "TorchScript": (
        "is a TorchScript program, and running it could do anything; where you trust it, save its "
        "tensors: torch.save(torch.jit.load(file).state_dict(), 'weights.pth')"
    ),
    "torch.export": (
        "is a program of torch.export; where you trust it, save its tensors: "
        "torch.save(dict(torch.export.load(file).state_dict), 'weights.pth')"
    ),
    "ONNX": (
        "is an ONNX graph, whose parts have no names of an architecture; open the checkpoint that it "
        f"was exported from, or save that model's tensors: {_TENSORS}"
    ),
    "GGUF": (
        "is a GGUF file of llama.cpp, with weights in blocks of few bits; open the model's original "
        "safetensors instead"
    ),
    "GGML": (
        "is a GGML file of llama.cpp or whisper.cpp; open the model's original safetensors instead"
    ),
    "HDF5": (
        "is an HDF5 file, as Keras and TensorFlow write weights; open the PyTorch checkpoint of the "
        "same model (transformers 4 makes one of a tf_model.h5: AutoModel.from_pretrained(folder, "
        "from_tf=True).save_pretrained('out'))"
    ),
    "Keras": "is a Keras model; open the PyTorch checkpoint of the same model",
    "flax msgpack": (
        "is a flax checkpoint (msgpack); open the safetensors of the same repository, or make one with "
        "transformers 4: AutoModel.from_pretrained(folder, from_flax=True).save_pretrained('out')"
    ),
    "TensorRT": (
        "is a TensorRT engine, built for one graphics card and without the model's tensors; open the "
        "checkpoint that it was built from"
    ),
    "TensorFlow Lite": (
        "is a TensorFlow Lite graph; open the PyTorch checkpoint of the same model"
    ),
    "TensorFlow": ("is a TensorFlow checkpoint; open the PyTorch checkpoint of the same model"),
    "OpenVINO": ("is an OpenVINO graph; open the checkpoint that it was exported from"),
    "Core ML": "is a Core ML model; open the checkpoint that it was exported from",
    "pickle": (
        "is a plain pickle, and unpickling it could run any program; where you trust it, save what is "
        "in it with torch: torch.save(pickle.load(open(file, 'rb')), 'weights.pth')"
    ),
    "tar": (
        "is a tar archive; unpack it and open the checkpoint inside (one that torch 0.1 wrote is saved "
        "again with torch.save)"
    ),
    "compressed": "is a compressed archive; unpack it and open the checkpoint inside",
    "zip": "is a zip archive and no checkpoint of torch or numpy; unpack it and open what is inside",
    "cut zip": "is damaged or cut short (a zip file without its end); download it again",
    "git-lfs pointer": (
        "is a pointer of Git LFS and not the weights; fetch them in the repository with git lfs pull"
    ),
    "web page": (
        "is a web page and not the weights (a log-in or an error was saved in their place); download "
        "them again"
    ),
    "torch.distributed": (
        "is a folder of torch.distributed.checkpoint; make one file of it: "
        "torch.distributed.checkpoint.format_utils.dcp_to_torch_save(folder, 'weights.pth')"
    ),
    "empty": "is empty (0 bytes); download or copy it again",
}


def foreign_sentence(kind: WeightFormat, name: str) -> str:
    """What a file is that is not opened, and what to do; "" for a format that is read."""
    said = _SENTENCES.get(kind, "")
    return f"{name} {said}" if said else ""
