// SPDX-License-Identifier: Apache-2.0
// A bundle with other values under the same keys. One thread.
#pragma once

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "container/bundle/bundle.h"
#include "container/bundle/write_bundle.h"

namespace ballast::tf_graph {

/// Adds every tensor of `origin` to `bundle`, with the value that the model has in its place; the object
/// graph and whatever the model does not name stay as they are. The model is one that was lifted from
/// `origin`, or was brought into its layout. What is stored twice (Keras 3's export) is replaced twice.
/// Errors: ambiguous_mapping for a value that has no place, shape_mismatch, dtype_mismatch.
/// `layout` is the model as lifted from `origin`, where it is known: optimizer state of other dialects finds
/// its place by it.
void refill(const Model& model, const bundle::Bundle& origin, const Model& layout, const Limits& limits,
            Report& report, bundle::Builder& bundle);

}  // namespace ballast::tf_graph
