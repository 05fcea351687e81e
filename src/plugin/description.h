// SPDX-License-Identifier: Apache-2.0
// Description: what a plugin says of itself, checked and copied, as the FormatInfo of a format. Immutable;
// its address must not change, since the info points into it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/format.h"
#include "ballast/plugin_abi.h"

namespace ballast::plugin {

class Description {
public:
    /// Throws unsupported, with the path, for another ABI and for nonsense.
    Description(const ballast_plugin& plugin, std::string path);
    Description(const Description&) = delete;
    Description& operator=(const Description&) = delete;

    const FormatInfo& info() const noexcept { return info_; }
    const std::string& version() const noexcept { return version_; }
    const std::string& looked_for() const noexcept { return looked_for_; }
    /// "gguf 1.0 (/usr/lib/x.so)", for messages.
    const std::string& who() const noexcept { return who_; }
    const ballast_plugin& functions() const noexcept { return plugin_; }
    bool keeps_model() const noexcept { return (plugin_.flags & BALLAST_KEEPS_MODEL) != 0; }

private:
    void copy_dtypes(const ballast_plugin& plugin);

    ballast_plugin plugin_{};
    std::string path_, id_, version_, title_, looked_for_, who_;
    std::vector<std::string> aliases_, extensions_;
    std::vector<std::string_view> alias_views_, extension_views_;
    std::vector<DType> dtypes_;
    Flavor flavor_;
    FormatInfo info_;
};

/// The DType of a number of plugin_abi.h; nullopt for others.
std::optional<DType> dtype_of_number(std::int32_t number) noexcept;
std::int32_t number_of_dtype(DType dtype) noexcept;

}  // namespace ballast::plugin
