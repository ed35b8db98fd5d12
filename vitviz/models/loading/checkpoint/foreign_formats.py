"""Files of other programs, named for what they are, each with a way out that works."""

from __future__ import annotations

from typing import Final

from vitviz.core.data.weight_files import WeightFormat

_TENSORS = "torch.save(model.state_dict(), 'weights.pth')"

_SENTENCES: Final[dict[WeightFormat, str]] = {
    "TorchScript": (
        "is a TorchScript program, and running it could do anything; save the model's tensors where "
        "it was made: torch.save(torch.jit.load(file).state_dict(), 'weights.pth')"
    ),
    "torch.export": (
        "is a program of torch.export; save the model's tensors where it was made: "
        "torch.save(torch.export.load(file).state_dict, 'weights.pth')"
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
        "is an HDF5 file, as Keras writes its weights; save them by torch's names from Keras with the "
        "torch backend, or open the PyTorch checkpoint of the same model"
    ),
    "Keras": (
        "is a Keras model; open the PyTorch checkpoint of the same model, or save its arrays by timm's "
        "names with numpy.savez"
    ),
    "flax msgpack": (
        "is a flax checkpoint (msgpack); with transformers installed it becomes safetensors: "
        "FlaxAutoModel's folder opened by AutoModel.from_pretrained(folder, from_flax=True), then "
        "save_pretrained"
    ),
    "TensorRT": (
        "is a TensorRT engine, built for one graphics card and without the model's tensors; open the "
        "checkpoint that it was built from"
    ),
    "TensorFlow Lite": (
        "is a TensorFlow Lite graph; open the PyTorch checkpoint of the same model"
    ),
    "TensorFlow": (
        "is a TensorFlow SavedModel; open the PyTorch checkpoint of the same model, or save its arrays "
        "by timm's names with numpy.savez"
    ),
    "OpenVINO": ("is an OpenVINO graph; open the checkpoint that it was exported from"),
    "Core ML": "is a Core ML model; open the checkpoint that it was exported from",
    "pickle": (
        "is a plain pickle, and unpickling it could run any program; where you trust it, save its "
        "tensors with torch.save (pickle.load(open(file, 'rb')), then torch.save(found, 'weights.pth'))"
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
    "empty": "is empty (0 bytes); download or copy it again",
}


def foreign_sentence(kind: WeightFormat, name: str) -> str:
    """What a file is that is not opened, and what to do; "" for a format that is read."""
    said = _SENTENCES.get(kind, "")
    return f"{name} {said}" if said else ""
