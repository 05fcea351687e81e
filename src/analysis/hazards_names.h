// SPDX-License-Identifier: Apache-2.0
// What is known of Python names in Keras configs: data for hazards_config.cpp. Names of functions are those
// of the public modules keras.activations, losses and metrics of Keras 3.15 and tf_keras 2.21.
#pragma once

#include <array>
#include <string_view>

namespace ballast::hazard_names {

using namespace std::string_view_literals;

/// Parts of Keras whose classes a config may name: they compute, and do nothing else.
inline constexpr std::array computing = {
    "activations"sv, "applications"sv,    "constraints"sv,  "distillers"sv, "dtype_policies"sv,
    "engine"sv,      "feature_column"sv,  "initializers"sv, "layers"sv,     "losses"sv,
    "metrics"sv,     "mixed_precision"sv, "models"sv,       "operations"sv, "ops"sv,
    "optimizers"sv,  "premade_models"sv,  "quantizers"sv,   "random"sv,     "regularizers"sv,
    "wrappers"sv};

/// Parts of Keras whose functions compute.
inline constexpr std::array computing_functions = {
    "activations"sv, "constraints"sv, "initializers"sv, "losses"sv, "metrics"sv, "ops"sv, "regularizers"sv};

/// Python's modules that reach beyond numbers: a config that names one asks for its functions.
inline constexpr std::array system_modules = {"_io"sv,          "_osx_support"sv,
                                              "_thread"sv,      "antigravity"sv,
                                              "contextlib"sv,   "ensurepip"sv,
                                              "idlelib"sv,      "imaplib"sv,
                                              "lib2to3"sv,      "nntplib"sv,
                                              "pydoc"sv,        "queue"sv,
                                              "sched"sv,        "selectors"sv,
                                              "telnetlib"sv,    "test"sv,
                                              "tkinter"sv,      "turtle"sv,
                                              "venv"sv,         "_posixsubprocess"sv,
                                              "ast"sv,          "asyncio"sv,
                                              "atexit"sv,       "bdb"sv,
                                              "builtins"sv,     "cProfile"sv,
                                              "cloudpickle"sv,  "code"sv,
                                              "codecs"sv,       "commands"sv,
                                              "concurrent"sv,   "ctypes"sv,
                                              "dill"sv,         "distutils"sv,
                                              "doctest"sv,      "faulthandler"sv,
                                              "fileinput"sv,    "ftplib"sv,
                                              "functools"sv,    "glob"sv,
                                              "gzip"sv,         "http"sv,
                                              "imp"sv,          "importlib"sv,
                                              "inspect"sv,      "io"sv,
                                              "itertools"sv,    "joblib"sv,
                                              "linecache"sv,    "logging"sv,
                                              "mailbox"sv,      "marshal"sv,
                                              "mmap"sv,         "multiprocessing"sv,
                                              "nt"sv,           "ntpath"sv,
                                              "numpy"sv,        "operator"sv,
                                              "os"sv,           "pathlib"sv,
                                              "pdb"sv,          "pickle"sv,
                                              "pip"sv,          "pipes"sv,
                                              "pkgutil"sv,      "platform"sv,
                                              "poplib"sv,       "posix"sv,
                                              "posixpath"sv,    "profile"sv,
                                              "pty"sv,          "py_compile"sv,
                                              "requests"sv,     "resource"sv,
                                              "runpy"sv,        "select"sv,
                                              "setuptools"sv,   "shelve"sv,
                                              "shlex"sv,        "shutil"sv,
                                              "signal"sv,       "site"sv,
                                              "smtplib"sv,      "socket"sv,
                                              "socketserver"sv, "sqlite3"sv,
                                              "ssl"sv,          "subprocess"sv,
                                              "sys"sv,          "tarfile"sv,
                                              "tempfile"sv,     "threading"sv,
                                              "timeit"sv,       "torch"sv,
                                              "trace"sv,        "traceback"sv,
                                              "types"sv,        "urllib"sv,
                                              "urllib3"sv,      "uuid"sv,
                                              "webbrowser"sv,   "xmlrpc"sv,
                                              "yaml"sv,         "zipfile"sv,
                                              "zipimport"sv};

/// What "builtins" may stand for in a config: no code, only the kind of what follows.
inline constexpr std::array harmless_builtins = {"function"sv, "slice"sv, "float"sv,   "int"sv,
                                                 "str"sv,      "bool"sv,  "dict"sv,    "list"sv,
                                                 "tuple"sv,    "type"sv,  "NoneType"sv};

/// Functions that a file must not be able to have called, wherever Keras keeps them.
inline constexpr std::array gadgets = {"__import__"sv,
                                       "audio_dataset_from_directory"sv,
                                       "compile"sv,
                                       "enable_unsafe_deserialization"sv,
                                       "eval"sv,
                                       "exec"sv,
                                       "get_file"sv,
                                       "getattr"sv,
                                       "image_dataset_from_directory"sv,
                                       "load_img"sv,
                                       "load_model"sv,
                                       "load_weights"sv,
                                       "model_from_json"sv,
                                       "open"sv,
                                       "save_img"sv,
                                       "save_model"sv,
                                       "save_weights"sv,
                                       "text_dataset_from_directory"sv,
                                       "deserialize_keras_object"sv,
                                       "load_op_library"sv,
                                       "load_library"sv};

/// Classes that run something of their own, whatever their config.
inline constexpr std::array loading_classes = {"TFSMLayer"sv, "TorchModuleWrapper"sv, "FlaxLayer"sv,
                                               "JaxLayer"sv};

/// Functions of Keras that configs name without a module.
inline constexpr std::array known_functions = {"binary_accuracy"sv,
                                               "binary_crossentropy"sv,
                                               "binary_focal_crossentropy"sv,
                                               "bce"sv,
                                               "categorical_accuracy"sv,
                                               "categorical_crossentropy"sv,
                                               "categorical_focal_crossentropy"sv,
                                               "categorical_generalized_cross_entropy"sv,
                                               "categorical_hinge"sv,
                                               "celu"sv,
                                               "circle"sv,
                                               "cosine"sv,
                                               "cosine_proximity"sv,
                                               "cosine_similarity"sv,
                                               "ctc"sv,
                                               "dice"sv,
                                               "elu"sv,
                                               "exponential"sv,
                                               "gelu"sv,
                                               "glu"sv,
                                               "hard_shrink"sv,
                                               "hard_sigmoid"sv,
                                               "hard_silu"sv,
                                               "hard_swish"sv,
                                               "hard_tanh"sv,
                                               "hinge"sv,
                                               "huber"sv,
                                               "kl_divergence"sv,
                                               "kld"sv,
                                               "kullback_leibler_divergence"sv,
                                               "leaky_relu"sv,
                                               "linear"sv,
                                               "log_cosh"sv,
                                               "log_sigmoid"sv,
                                               "log_softmax"sv,
                                               "logcosh"sv,
                                               "mae"sv,
                                               "mape"sv,
                                               "mean_absolute_error"sv,
                                               "mean_absolute_percentage_error"sv,
                                               "mean_squared_error"sv,
                                               "mean_squared_logarithmic_error"sv,
                                               "mish"sv,
                                               "mse"sv,
                                               "msle"sv,
                                               "poisson"sv,
                                               "relu"sv,
                                               "relu6"sv,
                                               "selu"sv,
                                               "sigmoid"sv,
                                               "silu"sv,
                                               "soft_shrink"sv,
                                               "softmax"sv,
                                               "softplus"sv,
                                               "softsign"sv,
                                               "sparse_categorical_accuracy"sv,
                                               "sparse_categorical_crossentropy"sv,
                                               "sparse_plus"sv,
                                               "sparse_top_k_categorical_accuracy"sv,
                                               "sparsemax"sv,
                                               "squared_hinge"sv,
                                               "squareplus"sv,
                                               "swish"sv,
                                               "tanh"sv,
                                               "tanh_shrink"sv,
                                               "threshold"sv,
                                               "top_k_categorical_accuracy"sv,
                                               "tversky"sv};

/// tf_keras writes its own optimizers as "Custom>Adam".
inline constexpr std::array own_customs = {"SGD"sv,
                                           "RMSprop"sv,
                                           "Adam"sv,
                                           "AdamW"sv,
                                           "Adadelta"sv,
                                           "Adafactor"sv,
                                           "Adagrad"sv,
                                           "Adamax"sv,
                                           "Nadam"sv,
                                           "Ftrl"sv,
                                           "Lion"sv,
                                           "Muon"sv,
                                           "Lamb"sv,
                                           "LossScaleOptimizer"sv,
                                           "LossScaleOptimizerV3"sv,
                                           "ExponentialDecay"sv,
                                           "PiecewiseConstantDecay"sv,
                                           "PolynomialDecay"sv,
                                           "InverseTimeDecay"sv,
                                           "CosineDecay"sv,
                                           "CosineDecayRestarts"sv};

/// Beginnings of the names of TensorFlow functions (TFOpLambda) that compute, behind "compat.v1." too.
inline constexpr std::array computing_operations = {
    "__operators__."sv, "bitwise."sv,      "dtypes."sv, "image."sv, "keras.activations."sv,
    "keras.backend."sv, "keras.losses."sv, "linalg."sv, "math."sv,  "nn."sv,
    "quantization."sv,  "ragged."sv,       "random."sv, "sets."sv,  "signal."sv,
    "sparse."sv,        "strings."sv};

/// Those without a dot that do more.
inline constexpr std::array reaching_operations = {
    "Print"sv,   "import_graph_def"sv, "load_library"sv, "load_op_library"sv, "numpy_function"sv, "print"sv,
    "py_func"sv, "py_function"sv,      "read_file"sv,    "write_file"sv,      "matching_files"sv, "device"sv};

}  // namespace ballast::hazard_names
