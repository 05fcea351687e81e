// SPDX-License-Identifier: Apache-2.0
// Casting the weights of a model, see recast.h.
#include "convert/recast.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "ballast/error.h"
#include "convert/pipeline.h"
#include "dialect/reporting.h"
#include "model/cast.h"

namespace ballast {
namespace {

constexpr std::array targets = {DType::float16, DType::bfloat16, DType::float32, DType::float64};

std::unordered_set<const TensorExpr*> state_values(const Model& model) {
    std::unordered_set<const TensorExpr*> values;
    if (model.optimizer) {
        for (const OptimizerVariable& variable : model.optimizer->variables)
            values.insert(&variable.value);
    }
    for (const LooseTensor& tensor : model.loose) {
        if (tensor.part != Part::loose) values.insert(&tensor.value);
    }
    return values;
}

}  // namespace

std::vector<Recast> recast_weights(Model& model, DType dtype) {
    if (std::find(targets.begin(), targets.end(), dtype) == targets.end()) {
        throw Error(ErrorCode::invalid_argument, "weights cannot be cast to " + std::string(to_string(dtype)))
            .hint("cast to float16, bfloat16, float32 or float64");
    }
    const auto state = state_values(model);
    std::vector<Recast> recasts;
    for (ValuePlace& place : value_places(model)) {
        TensorExpr& value = *place.value;
        if (info(value.dtype()).cls != DTypeClass::floating || value.dtype() == dtype ||
            state.contains(&value))
            continue;
        const bool overflows = can_overflow(value.dtype(), dtype);
        auto count = overflows ? std::make_shared<CastCount>() : nullptr;
        value = TensorExpr::cast(value, dtype, count);
        if (overflows) recasts.push_back({std::move(place.name), value, std::move(count)});
    }
    return recasts;
}

void report_overflows(const std::vector<Recast>& recasts, Report& report) {
    for (const Recast& recast : recasts) {
        const std::uint64_t count = recast.count->overflowed.load();
        if (count == 0) continue;
        const std::uint64_t elements = recast.value.shape().element_count();
        report.add(ReportEntry::Kind::warning, source_name(recast.value), {},
                   std::to_string(count) + " of the " + std::to_string(elements) + " elements of '" +
                       recast.name + "' are too large for " + std::string(to_string(recast.value.dtype())) +
                       " and became infinite");
    }
}

}  // namespace ballast
