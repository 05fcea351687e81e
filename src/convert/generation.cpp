// SPDX-License-Identifier: Apache-2.0
// Which generation of Keras a target's config has to be of, see generation.h.
#include "convert/generation.h"

#include <algorithm>

namespace ballast {

bool offers(const FormatInfo& format, std::string_view flavor) {
    return std::ranges::find(format.flavors, flavor, &Flavor::name) != format.flavors.end();
}

bool holds_whole_models(const FormatInfo& format) {
    return format.can.config && format.can.assets && !format.can.discards;
}

bool wants_keras3(const FormatInfo& format, const SaveOptions& save) {
    if (holds_whole_models(format))
        return save.flavor != "tf_keras" && format.kind != Location::Kind::directory;
    return format.can.config && !save.weights_only && save.flavor == "keras3" && offers(format, "keras3");
}

bool wants_keras2(const FormatInfo& format, const SaveOptions& save) {
    if (!format.can.config || save.weights_only) return false;
    if (holds_whole_models(format) && format.kind == Location::Kind::directory) return true;
    return save.flavor == "tf_keras" && offers(format, "tf_keras");
}

}  // namespace ballast
