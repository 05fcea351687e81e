// SPDX-License-Identifier: Apache-2.0
// inspect's table, with or without statistics, and what all its texts share.
#include <algorithm>
#include <array>

#include "core/text.h"
#include "inspect.h"

namespace ballast::tool {
namespace {

/// "Keras 2.21.0, tensorflow, flavour tf_keras"; empty when nothing is known.
std::string producer_of(const Archive& archive) {
    const Producer& producer = archive.model().producer;
    std::string text;
    if (!producer.keras_version.empty()) text = "Keras " + producer.keras_version;
    if (!producer.backend.empty()) text += (text.empty() ? "" : ", ") + producer.backend;
    if (!producer.flavor.empty())
        text += (text.empty() ? "" : ", ") + std::string("flavour ") + producer.flavor;
    return text;
}

/// Columns as wide as their widest cell, within reason.
struct Widths {
    std::size_t name = 4, dtype = 5, shape = 5;
};

Widths widths_of(const View& view) {
    constexpr std::size_t widest = 60;
    Widths widths;
    for (const std::size_t position : view.positions) {
        const TensorInfo& tensor = view.archive.index().tensors()[position];
        widths.name = std::max(widths.name, std::min(widest, tensor.name.size()));
        widths.dtype = std::max(widths.dtype, to_string(tensor.dtype).size());
        widths.shape = std::max(widths.shape, std::min(widest / 2, tensor.shape.to_string().size()));
    }
    return widths;
}

std::string aliased(const TensorInfo& tensor) {
    return tensor.alias_of.empty() ? "" : "  = " + escape(tensor.alias_of);
}

/// A row of cells without fmt, which counts the columns of every character: listings of 100,000 rows spend
/// their time here.
class Row {
public:
    void left(std::string_view cell, std::size_t width) {
        text_ += cell;
        pad(cell, width);
    }
    void right(std::string_view cell, std::size_t width) {
        pad(cell, width);
        text_ += cell;
    }
    /// Of a file: escaped unless it is as plain as most.
    void name(std::string_view text, std::size_t width = 0) {
        if (is_plain(text))
            left(text, width);
        else
            left(escape(text), width);
    }
    void write_to(Output& out) {
        out.write(text_);
        text_.clear();
    }

private:
    static bool is_plain(std::string_view text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    }
    /// Columns of a terminal. fmt knows the wide characters, since it fills up by columns.
    static std::size_t columns_of(std::string_view text) {
        if (is_plain(text)) return text.size();
        return 2 * text.size() - fmt::formatted_size("{:<{}}", text, text.size());
    }
    void pad(std::string_view cell, std::size_t width) {
        if (width == 0) return;
        const std::size_t columns = columns_of(cell);
        if (columns < width) text_.append(width - columns, ' ');
    }

    std::string text_;
};

void print_plain_rows(const View& view, const Widths& widths, Output& out) {
    out.print("\n  {:<{}}  {:<{}}  {:<{}}  {:>9}  {}\n", "name", widths.name, "dtype", widths.dtype, "shape",
              widths.shape, "size", "stored as");
    Row row;
    for (const std::size_t position : view.positions) {
        const TensorInfo& tensor = view.archive.index().tensors()[position];
        row.left("  ", 0);
        row.name(tensor.name, widths.name);
        row.left("  ", 0);
        row.left(to_string(tensor.dtype), widths.dtype);
        row.left("  ", 0);
        row.left(tensor.shape.to_string(), widths.shape);
        row.left("  ", 0);
        row.right(human_size(tensor.byte_count()), 9);
        row.left("  ", 0);
        row.name(tensor.stored_name);
        row.left(aliased(tensor), 0);
        row.left("\n", 0);
        row.write_to(out);
    }
}

void print_stats_rows(const View& view, const Widths& widths, Output& out) {
    out.print("\n  {:<{}}  {:<{}}  {:<{}}  {:>10}  {:>10}  {:>10}  {:>10}  {:>8}  {:>6}  {:>6}  {}\n", "name",
              widths.name, "dtype", widths.dtype, "shape", widths.shape, "min", "max", "mean", "std", "zeros",
              "NaN", "Inf", "histogram");
    for (std::size_t i = 0; i < view.positions.size(); ++i) {
        const TensorInfo& tensor = view.archive.index().tensors()[view.positions[i]];
        out.print("  {:<{}}  {:<{}}  {:<{}}", escape(tensor.name), widths.name, to_string(tensor.dtype),
                  widths.dtype, tensor.shape.to_string(), widths.shape);
        if (const auto& stats = view.stats[i]) {
            const auto value = [&](double TensorStats::Values::*member) {
                return stats->values ? fmt::format("{:.4g}", *stats->values.*member) : std::string("-");
            };
            using Values = TensorStats::Values;
            out.print("  {:>10}  {:>10}  {:>10}  {:>10}  {:>8}  {:>6}  {:>6}  {}", value(&Values::min),
                      value(&Values::max), value(&Values::mean), value(&Values::deviation), stats->zeros,
                      stats->nan, stats->infinite, stats->values ? sparkline(stats->values->histogram) : "");
        }
        out.write("\n");
    }
}

void print_bad_values(const View& view, Output& out) {
    const auto bad = std::count_if(view.stats.begin(), view.stats.end(), [](const auto& stats) {
        return stats && (stats->nan != 0 || stats->infinite != 0);
    });
    if (bad != 0) out.print("; {} with NaN or infinite elements", bad);
}

/// "input_1 float32 (?, 5, 3), mask": one side of a signature.
std::string side_text(const Tree& tensors) {
    std::string text;
    for (const Tree& tensor : tensors.items()) {
        if (!text.empty()) text += ", ";
        text += escape(tensor["name"].as_string()) + " " + escape(tensor["dtype"].as_string());
        if (!tensor["shape"].is_array()) continue;
        std::string dims;
        for (const Tree& dim : tensor["shape"].items())
            dims += (dims.empty() ? "" : ", ") +
                    (dim.as_int64().value_or(-1) < 0 ? std::string("?") : std::string(dim.number_text()));
        text += " (" + dims + ")";
    }
    return text;
}

void print_signatures(const Tree& signatures, Output& out) {
    for (const Tree::Member& signature : signatures.members()) {
        if (signature.first.starts_with("__")) continue;  // TensorFlow's own
        out.print("  {:<9} {}({}) -> {}\n", "signature", escape(signature.first),
                  side_text(signature.second["inputs"]), side_text(signature.second["outputs"]));
    }
}

}  // namespace

void print_heading(const Archive& archive, Output& out) {
    out.print("{}\n  format    {} ({})\n", escape(archive.location().display()), archive.format().id,
              archive.kind());
    if (const std::string producer = producer_of(archive); !producer.empty())
        out.print("  producer  {}\n", escape(producer));
    for (const Tree::Member& member : archive.metadata().members()) {
        if (!member.second.is_string() || member.second.as_string().size() > 200) continue;
        if (member.first == "keras_version" || member.first == "backend" || member.first == "flavor")
            continue;
        out.print("  {:<9} {}\n", escape(member.first), escape(member.second.as_string()));
    }
    print_signatures(archive.metadata()["signatures"], out);
}

void print_closing(const View& view, Output& out) {
    const Index& index = view.archive.index();
    const auto tensors = index.tensors();
    const auto optimizer = std::count_if(tensors.begin(), tensors.end(), [](const TensorInfo& tensor) {
        return tensor.part == Part::optimizer;
    });
    out.print("\n{} tensors, {}", index.size(), human_size(index.total_bytes()));
    if (optimizer != 0) out.print(" ({} of the optimizer)", optimizer);
    if (view.positions.size() != index.size()) out.print("; {} shown", view.positions.size());
    print_bad_values(view, out);
    out.write("\n");
}

std::string sparkline(const std::vector<std::uint64_t>& counts) {
    static constexpr std::array<std::string_view, 8> bars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const std::uint64_t most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
    std::string text;
    for (const std::uint64_t count : counts) {
        if (count == 0) {
            text += ' ';
            continue;
        }
        const double share = static_cast<double>(count) / static_cast<double>(most);
        text += bars[std::min<std::size_t>(static_cast<std::size_t>(share * 8), bars.size() - 1)];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

void print_table(const View& view, Output& out) {
    print_heading(view.archive, out);
    const Widths widths = widths_of(view);
    if (!view.positions.empty()) {
        if (view.with_stats)
            print_stats_rows(view, widths, out);
        else
            print_plain_rows(view, widths, out);
    }
    print_closing(view, out);
}

}  // namespace ballast::tool
