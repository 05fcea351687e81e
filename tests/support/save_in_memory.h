// SPDX-License-Identifier: Apache-2.0
// Saving a model into a file system in memory, through a format's plan and the real engine.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "ballast/format.h"
#include "ballast/io.h"
#include "ballast/report.h"
#include "convert/transfer.h"

namespace ballast::test {

/// Plans and writes the model as `name` in a new file system in memory.
inline Location save_in_memory(const Format& format, const Model& model, std::string name,
                               const SaveOptions& options = {}, Report* report = nullptr) {
    Location target{io::memory(), std::move(name), Location::Kind::file};
    Report own;
    const WritePlan plan = format.plan(model, {target, {}, nullptr}, options, report ? *report : own);
    execute(plan, target.fs, {});
    return target;
}

}  // namespace ballast::test
