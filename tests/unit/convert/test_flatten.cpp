// SPDX-License-Identifier: Apache-2.0
// Dense kernels behind a Flatten for the other data format.
#include <doctest/doctest.h>

#include "ballast/error.h"
#include "convert/flatten.h"
#include "model/evaluate.h"
#include "support/expect_error.h"
#include "support/model_builder.h"

using namespace ballast;

namespace {

TensorExpr counted(const Shape& shape) {
    auto numbers = std::make_shared<std::vector<float>>(shape.element_count());
    for (std::size_t i = 0; i < numbers->size(); ++i)
        (*numbers)[i] = static_cast<float>(i);
    auto tensor = std::make_shared<TensorInfo>();
    tensor->dtype = DType::float32;
    tensor->shape = shape;
    tensor->stored_bytes = numbers->size() * sizeof(float);
    tensor->storage.layout = InlineBytes{numbers, std::as_bytes(std::span(*numbers))};
    return TensorExpr(TensorRef(std::move(tensor)));
}

Model with_kernel() {
    Model model;
    model.loose.push_back({"head/kernel", counted({6, 2}), Part::weight});
    return model;
}

std::vector<float> kernel_after(Model model, const char* order) {
    Report report;
    reorder_flattened(model, {parse_flatten_order(order)}, report);
    std::vector<float> values(12);
    evaluate(model.loose[0].value, 0, std::as_writable_bytes(std::span(values)));
    return values;
}

ErrorCode refusal(const char* order) {
    return test::error_of([&] { kernel_after(with_kernel(), order); }).code();
}

}  // namespace

TEST_CASE("flattened rows go from one data format to the other") {
    // (channels 2, width 3) to (3, 2): row c * 3 + w becomes row w * 2 + c.
    CHECK(kernel_after(with_kernel(), "head=channels_first:2,3") ==
          std::vector<float>{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11});
    CHECK(kernel_after(with_kernel(), "head=channels_last:3,2") ==
          std::vector<float>{0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11});
    CHECK(kernel_after(with_kernel(), "head=channels_last:1,3,2") ==
          kernel_after(with_kernel(), "head=channels_last:3,2"));
}

TEST_CASE("the optimizer's slots go along, or nothing is done") {
    Model model = with_kernel();
    model.optimizer.emplace();
    model.optimizer->variables.push_back({counted({6, 2}), "1", "m", "head/kernel"});
    model.optimizer->variables.push_back({counted({6, 2}), "2", "m", "other/kernel"});
    Report report;
    reorder_flattened(model, {parse_flatten_order("head=channels_first:2,3")}, report);
    CHECK_FALSE(model.optimizer->variables[0].value.is_identity());
    CHECK(model.optimizer->variables[1].value.is_identity());
    model.optimizer->variables[1].of_weight.clear();
    CHECK(test::error_of([&] {
              reorder_flattened(model, {parse_flatten_order("head=channels_first:2,3")}, report);
          }).code() == ErrorCode::ambiguous_mapping);
}

TEST_CASE("orders that say nothing or do not fit are refused") {
    for (const char* order :
         {"", "head", "head=channels_first", "=channels_first:2,3", "head=nchw:2,3", "head=channels_first:6",
          "head=channels_first:2,", "head=channels_first:2,0,3", "head=channels_first:2,-3",
          "head=channels_first:99999999999,3", "head=channels_first:1,1,1,2,3"})
        CHECK(refusal(order) == ErrorCode::invalid_argument);
    CHECK(refusal("head=channels_first:2,4") == ErrorCode::shape_mismatch);
    CHECK(refusal("tail=channels_first:2,3") == ErrorCode::name_not_found);
}
