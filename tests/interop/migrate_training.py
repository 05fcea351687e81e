# SPDX-License-Identifier: Apache-2.0
"""Losses, metrics and schedules of compiled models for test_migrate_scores.py: {name: (compile arguments, kind of target)}."""

from frameworks import tf_keras as k

L, M, S = k.losses, k.metrics, k.optimizers.schedules


def losses():
    """Every class, and every string that tf_keras reads."""
    one_hot = {name: (getattr(L, name)(), "one_hot") for name in (
        "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge "
        "CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
        "MeanSquaredLogarithmicError Poisson SquaredHinge").split()}
    classes = one_hot | {"SparseCategoricalCrossentropy": (L.SparseCategoricalCrossentropy(), "sparse"),
                         "Huber-delta": (L.Huber(0.3), "one_hot"), "BinaryCrossentropy-smooth": (L.BinaryCrossentropy(
                             from_logits=True, label_smoothing=0.1), "one_hot"), "MeanSquaredError-sum": (L.MeanSquaredError("sum"), "one_hot")}
    strings = {name: (name, "one_hot") for name in (
        "mse mae mape msle MSE MAE MAPE MSLE mean_squared_error mean_absolute_error mean_absolute_percentage_error "
        "mean_squared_logarithmic_error categorical_crossentropy binary_crossentropy binary_focal_crossentropy "
        "categorical_focal_crossentropy bce kld kl_divergence log_cosh logcosh huber huber_loss kullback_leibler_divergence "
        "cosine_similarity poisson hinge squared_hinge categorical_hinge").split()}
    strings["sparse_categorical_crossentropy"] = ("sparse_categorical_crossentropy", "sparse")
    return ({f"loss {name}": ({"loss": one}, kind) for name, (one, kind) in classes.items()},
            {f"loss '{name}'": ({"loss": one}, kind) for name, (one, kind) in strings.items()})


def metrics():
    plain = """Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy CategoricalHinge CosineSimilarity
        F1Score FBetaScore FalseNegatives FalsePositives Hinge KLDivergence LogCoshError MeanAbsoluteError MeanAbsolutePercentageError
        MeanSquaredError MeanSquaredLogarithmicError Poisson Precision R2Score Recall RootMeanSquaredError SquaredHinge
        TopKCategoricalAccuracy TrueNegatives TruePositives AUC"""
    found = {name: (getattr(M, name)(), "one_hot") for name in plain.split()}
    found |= {name: (getattr(M, name)(), "sparse") for name in (
        "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy")}
    found |= {name: (getattr(M, name)(0.5), "one_hot") for name in (
        "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity")}
    found |= {"BinaryIoU": (M.BinaryIoU([0, 1], 0.4), "one_hot"), "IoU": (M.IoU(2, [0]), "one_hot"), "MeanIoU": (M.MeanIoU(2), "one_hot"),
              "OneHotIoU": (M.OneHotIoU(3, [0, 2]), "one_hot"), "OneHotMeanIoU": (M.OneHotMeanIoU(3), "one_hot"),
              "Precision-top": (M.Precision(top_k=1, class_id=1), "one_hot"), "AUC-pr": (M.AUC(50, curve="PR", multi_label=True), "one_hot"),
              "TopK-1": (M.TopKCategoricalAccuracy(1, name="top"), "one_hot"), "F1Score-macro": (M.F1Score("macro", 0.4), "one_hot"),
              "MeanRelativeError": (M.MeanRelativeError([0.5, 0.2, 0.3]), "one_hot")}
    strings = {f"'{name}'": (name, "one_hot") for name in ("accuracy", "acc", "mae", "mse", "categorical_accuracy", "binary_accuracy")}
    return {f"metric {name}": ({"loss": "mse" if kind == "one_hot" else "sparse_categorical_crossentropy", "metrics": [one]}, kind)
            for name, (one, kind) in (found | strings).items()}


SCHEDULES = {f"schedule {name}": ({"loss": "mse", "optimizer": lambda make=make: k.optimizers.SGD(make())}, "one_hot") for name, make in {
    "ExponentialDecay": lambda: S.ExponentialDecay(0.1, 2, 0.5), "ExponentialDecay-stairs": lambda: S.ExponentialDecay(0.1, 2, 0.5, True),
    "PiecewiseConstantDecay": lambda: S.PiecewiseConstantDecay([2], [0.1, 0.01]), "PolynomialDecay": lambda: S.PolynomialDecay(0.1, 5),
    "InverseTimeDecay": lambda: S.InverseTimeDecay(0.1, 2, 0.5), "CosineDecay": lambda: S.CosineDecay(0.1, 5),
    "CosineDecay-warm": lambda: S.CosineDecay(0.1, 5, warmup_target=0.2, warmup_steps=2),
    "CosineDecayRestarts": lambda: S.CosineDecayRestarts(0.1, 3)}.items()}
