"""LAMBDA: constrained policy optimisation via Bayesian world models (As et al., ICLR 2022)."""

import os
import sys

__version__ = "0.1.0"

# How TensorFlow is to be loaded, whenever that will be; it reads these when it is imported.
# oneDNN is off by default on processors without AVX-512, where it is twice as fast too (measured).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Other programs may need memory of the GPU too.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# TensorFlow brings an LLVM of its own. Loaded for all to see, as this module asks for, it takes the
# place of the one that Mesa's software GL needs, and the first image crashes the process.
sys.modules.setdefault("tensorflow.python.pywrap_dlopen_global_flags", None)  # type: ignore[arg-type]
