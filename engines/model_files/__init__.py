"""What a model's files say of it: the shapes of its tensors, read from their headers without the weights.

::

    tensors = read_safetensors(folder)        # every *.safetensors of it
    gguf = read_gguf(path)                    # gguf.model, gguf.tensors
    tensors = read_ctranslate2(path)          # model.bin
    tensors = read_onnx(path)
    tensors = read_whole(path)                # a .pth: its size tells
    model = read_config(folder)           # config.json of a language model

All raise ModelFileError for a file that is not what it should be. A result is kept while its file is
unchanged.
"""

from engines.model_files.config import read_config
from engines.model_files.ctranslate2 import read_ctranslate2
from engines.model_files.gguf import Gguf, read_gguf
from engines.model_files.onnx import read_onnx
from engines.model_files.reader import ModelFileError
from engines.model_files.safetensors import read_safetensors, read_whole

__all__ = [
    "Gguf",
    "ModelFileError",
    "read_config",
    "read_ctranslate2",
    "read_gguf",
    "read_onnx",
    "read_safetensors",
    "read_whole",
]
