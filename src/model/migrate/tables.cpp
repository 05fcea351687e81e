// SPDX-License-Identifier: Apache-2.0
// Looks things up in the tables of config migration.
#include "model/migrate/tables.h"

#include <algorithm>

namespace ballast::migrate::table {

namespace {

template <class Row, class Key>
const Row* find_row(std::span<const Row> rows, std::string_view wanted, Key key) {
    const auto at =
        std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return key(row) == wanted; });
    return at == rows.end() ? nullptr : &*at;
}

}  // namespace

const KerasClass* find_class(Kind kind, std::string_view name) {
    const auto exact = [&](std::string_view wanted) -> const KerasClass* {
        for (const KerasClass& known : classes)
            if (known.kind == kind && known.name == wanted) return &known;
        return nullptr;
    };
    if (const KerasClass* known = exact(name)) return known;
    const auto alias = renamed(class_aliases, name);
    return alias ? exact(*alias) : nullptr;
}

bool accepts(const KerasClass& known, std::string_view key) {
    return std::binary_search(known.accepts.begin(), known.accepts.end(), key);
}

std::optional<std::string_view> renamed(std::span<const Rename> rows, std::string_view old_name) {
    const Rename* row = find_row(rows, old_name, [](const Rename& one) { return one.old_name; });
    if (row == nullptr) return std::nullopt;
    return row->name;
}

const Function* find_function(std::string_view name) {
    return find_row(functions, name, [](const Function& one) { return one.name; });
}

}  // namespace ballast::migrate::table
