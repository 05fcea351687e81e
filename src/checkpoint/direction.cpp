// SPDX-License-Identifier: Apache-2.0
// The names of Keras' metrics and which way they improve, see direction.h.
#include "checkpoint/direction.h"

#include <algorithm>
#include <array>

namespace ballast {
namespace {

// The default names of the metrics of Keras 3.15.1, and those that users give by alias ("acc", "mse").
constexpr auto up = std::to_array<std::string_view>({"acc",
                                                     "accuracy",
                                                     "auc",
                                                     "binary_accuracy",
                                                     "binary_io_u",
                                                     "categorical_accuracy",
                                                     "concordance_correlation",
                                                     "cosine_similarity",
                                                     "f1_score",
                                                     "fbeta_score",
                                                     "io_u",
                                                     "mean_io_u",
                                                     "one_hot_io_u",
                                                     "one_hot_mean_io_u",
                                                     "pearson_correlation",
                                                     "precision",
                                                     "precision_at_recall",
                                                     "r2_score",
                                                     "recall",
                                                     "recall_at_precision",
                                                     "sensitivity_at_specificity",
                                                     "sparse_categorical_accuracy",
                                                     "sparse_top_k_categorical_accuracy",
                                                     "specificity_at_sensitivity",
                                                     "top_k_categorical_accuracy",
                                                     "true_negatives",
                                                     "true_positives",
                                                     "weighted_acc",
                                                     "weighted_accuracy",
                                                     "cosine_proximity"});
constexpr auto down = std::to_array<std::string_view>({"binary_crossentropy",
                                                       "categorical_crossentropy",
                                                       "categorical_hinge",
                                                       "false_negatives",
                                                       "false_positives",
                                                       "hinge",
                                                       "kl_divergence",
                                                       "kullback_leibler_divergence",
                                                       "logcosh",
                                                       "loss",
                                                       "mae",
                                                       "mape",
                                                       "mean_absolute_error",
                                                       "mean_absolute_percentage_error",
                                                       "mean_squared_error",
                                                       "mean_squared_logarithmic_error",
                                                       "mse",
                                                       "msle",
                                                       "poisson",
                                                       "rmse",
                                                       "root_mean_squared_error",
                                                       "sparse_categorical_crossentropy",
                                                       "squared_hinge",
                                                       "error",
                                                       "perplexity"});

template <std::size_t n>
bool holds(const std::array<std::string_view, n>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<bool> larger_is_better(std::string_view name) {
    constexpr std::string_view val = "val_", loss = "_loss";
    if (name.starts_with(val)) name.remove_prefix(val.size());
    const std::size_t digits = name.find_last_not_of("0123456789");
    if (digits != name.npos && digits + 1 < name.size() && name[digits] == '_') name = name.substr(0, digits);
    if (holds(up, name)) return true;
    if (holds(down, name) || name.ends_with(loss)) return false;
    return std::nullopt;
}

}  // namespace ballast
