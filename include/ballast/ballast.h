// SPDX-License-Identifier: Apache-2.0
// Everything a program that reads, writes or converts checkpoints needs:
//
//   auto archive = ballast::open("model.weights.h5");
//   ballast::Tensor<float> kernel = archive->get<float>("conv1/kernel");
//   ballast::convert("old.h5", "new.weights.h5");
#pragma once

#include "ballast/align.h"
#include "ballast/archive.h"
#include "ballast/checkpoint.h"
#include "ballast/convert.h"
#include "ballast/diff.h"
#include "ballast/dtype.h"
#include "ballast/edit.h"
#include "ballast/error.h"
#include "ballast/index.h"
#include "ballast/io.h"
#include "ballast/model.h"
#include "ballast/npy.h"
#include "ballast/registry.h"
#include "ballast/report.h"
#include "ballast/stats.h"
#include "ballast/tensor.h"
#include "ballast/tree.h"
#include "ballast/version.h"
