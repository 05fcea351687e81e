// SPDX-License-Identifier: Apache-2.0
// diff(): pairs, compares and lists.
#include "ballast/diff.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "analysis/compare.h"
#include "analysis/metadata.h"
#include "analysis/pairing.h"
#include "ballast/error.h"
#include "convert/scan.h"

namespace ballast {
namespace {

using Kind = TensorChange::Kind;

constexpr std::array<std::string_view, 6> kind_names = {"only_in_a", "only_in_b", "renamed",
                                                        "dtype",     "shape",     "values"};

class Differ {
public:
    Differ(const Archive& a, const Archive& b, const DiffOptions& options)
        : a_(a), b_(b), options_(options) {}

    Diff run() {
        for (const Archive* archive : {&a_, &b_})
            if (!archive->problems().empty()) throw Error(archive->problems().front());
        result_.path_a = a_.location().display();
        result_.path_b = b_.location().display();
        result_.format_a = a_.format().id;
        result_.format_b = b_.format().id;
        pairing_ = pair_tensors(a_, b_, options_);
        pair_contents(a_, b_, options_, pairing_);
        std::sort(pairing_.pairs.begin(), pairing_.pairs.end(),
                  [](const TensorPair& x, const TensorPair& y) { return x.a < y.a; });
        list_lone();
        compare_pairs();
        result_.metadata = metadata_changes(a_, b_);
        asset_changes(a_, b_, options_.cancel, result_.metadata);
        return std::move(result_);
    }

private:
    const TensorInfo& of_a(const TensorPair& pair) const { return a_.index().tensors()[pair.a]; }
    const TensorInfo& of_b(const TensorPair& pair) const { return b_.index().tensors()[pair.b]; }
    std::string name_of(const TensorInfo& tensor) const {
        return pairing_.by_stored ? tensor.stored_name : tensor.name;
    }

    TensorChange change(Kind kind, const TensorInfo* a, const TensorInfo* b) const {
        TensorChange change;
        change.kind = kind;
        if (a) {
            change.name_a = name_of(*a);
            change.dtype_a = a->dtype;
            change.shape_a = a->shape;
        }
        if (b) {
            change.name_b = name_of(*b);
            change.dtype_b = b->dtype;
            change.shape_b = b->shape;
        }
        return change;
    }

    void list_lone() {
        for (const std::size_t position : pairing_.only_a)
            result_.tensors.push_back(change(Kind::only_in_a, &a_.index().tensors()[position], nullptr));
        for (const std::size_t position : pairing_.only_b)
            result_.tensors.push_back(change(Kind::only_in_b, nullptr, &b_.index().tensors()[position]));
    }

    bool within_types(const TensorInfo& a, const TensorInfo& b) const {
        return options_.tolerance && info(a.dtype).cls == DTypeClass::floating &&
               info(b.dtype).cls == DTypeClass::floating;
    }

    /// Lists differences of names, types and shapes; true when values can be compared.
    bool compare_structure(const TensorPair& pair) {
        const TensorInfo &a = of_a(pair), &b = of_b(pair);
        if (pair.renamed && name_of(a) != name_of(b))
            result_.tensors.push_back(change(Kind::renamed, &a, &b));
        if (a.dtype != b.dtype) {
            TensorChange& listed = result_.tensors.emplace_back(change(Kind::dtype, &a, &b));
            listed.counts = !within_types(a, b);
        }
        if (a.shape != b.shape) result_.tensors.push_back(change(Kind::shape, &a, &b));
        return a.shape == b.shape && (a.dtype == b.dtype || within_types(a, b)) && a.dtype != DType::string;
    }

    Comparison compare(const TensorInfo& a, const TensorInfo& b, std::span<const std::byte> bytes_a,
                       std::span<const std::byte> bytes_b) const {
        if (options_.tolerance && has_distance(a.dtype))
            return compare_distance(bytes_a, a.dtype, bytes_b, b.dtype, *options_.tolerance);
        return compare_bits(bytes_a, bytes_b, a.dtype);
    }

    void compare_pairs() {
        std::vector<ScanItem> items;
        std::vector<const TensorPair*> scanned;
        std::vector<std::size_t> before;  // changes listed before the item's own
        for (const TensorPair& pair : pairing_.pairs) {
            const std::size_t listed = result_.tensors.size();
            ++result_.pairs;
            result_.bytes += of_a(pair).byte_count();
            const bool comparable = compare_structure(pair);
            if (comparable) {
                items.push_back({a_.index().ref(pair.a), b_.index().ref(pair.b)});
                scanned.push_back(&pair);
            }
            if (listed == result_.tensors.size()) ++result_.same_pairs;
        }
        const std::vector<ScanBlock> blocks = cut_blocks(items);
        std::vector<Comparison> partial(blocks.size());
        scan(items, blocks, {options_.threads, options_.progress, options_.cancel},
             [&](std::size_t number, const auto& bytes) {
                 const TensorPair& pair = *scanned[blocks[number].item];
                 partial[number] = compare(of_a(pair), of_b(pair), bytes[0], bytes[1]);
             });
        for (std::size_t first = 0; first < blocks.size();) {
            const std::size_t item = blocks[first].item;
            Comparison whole;
            for (; first < blocks.size() && blocks[first].item == item; ++first)
                whole.add(partial[first]);
            if (whole.different != 0) add_values(*scanned[item], whole);
        }
    }

    void add_values(const TensorPair& pair, const Comparison& found) {
        const TensorInfo &a = of_a(pair), &b = of_b(pair);
        const bool listed = pair.renamed || a.dtype != b.dtype;
        TensorChange& listing = result_.tensors.emplace_back(change(Kind::values, &a, &b));
        listing.elements = a.shape.element_count();
        listing.different = found.different;
        listing.largest = found.largest;
        if (!listed) --result_.same_pairs;
    }

    const Archive& a_;
    const Archive& b_;
    const DiffOptions& options_;
    TensorPairing pairing_;
    Diff result_;
};

std::size_t count_loose(const Archive& archive) {
    const auto tensors = archive.index().tensors();
    return static_cast<std::size_t>(std::count_if(
        tensors.begin(), tensors.end(), [](const TensorInfo& tensor) { return tensor.part == Part::loose; }));
}

/// Whether a file opened along a foreign config still says what it says itself: its layers' own names, and
/// which tensors are of layers.
bool agrees(const Archive& along, const Archive& plain) {
    if (count_loose(along) > count_loose(plain)) return false;
    std::unordered_set<std::string_view> names;
    for (const Layer& layer : along.model().layers)
        names.insert(layer.name);
    const std::vector<Layer>& layers = plain.model().layers;
    return std::all_of(layers.begin() + 1, layers.end(), [&](const Layer& layer) {
        return layer.weights.empty() || names.contains(layer.name) || layer.name.empty();
    });
}

/// Opens the second file with the first one's config where only the first one has one. The layers of a model
/// are not renamed by another model's config: what does not agree is not used.
std::shared_ptr<Archive> open_along(const Location& location, std::shared_ptr<Archive> plain,
                                    const Archive& other, OpenOptions options,
                                    std::vector<std::string>& notes) {
    const bool lacks_config = plain->model().config.is_null() && plain->model().has_layers();
    if (!lacks_config || other.model().config.is_null() || !options.config.is_null()) return plain;
    options.config = other.model().config;
    options.config_path = other.location().display();
    try {
        std::shared_ptr<Archive> along = open(location, options);
        if (!along->used_config() || !agrees(*along, *plain)) return plain;
        notes.push_back("the layers of " + location.display() + " are named by the config of " +
                        options.config_path);
        return along;
    } catch (const Error&) {
        return plain;  // the config of another model: the names of the files will tell
    }
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    return kind_names[static_cast<std::size_t>(kind)];
}

bool Diff::same() const noexcept {
    const auto counts = [](const auto& change) { return change.counts; };
    return std::none_of(tensors.begin(), tensors.end(), counts) &&
           std::none_of(metadata.begin(), metadata.end(), counts);
}

Diff diff(const Archive& a, const Archive& b, const DiffOptions& options) {
    return Differ(a, b, options).run();
}

Diff diff(const Location& a, const Location& b, const DiffOptions& options) {
    std::vector<std::string> notes;
    std::shared_ptr<Archive> one = open(a, options.open), other = open(b, options.open);
    const std::shared_ptr<Archive> plain = one;
    one = open_along(a, one, *other, options.open, notes);
    other = open_along(b, other, *plain, options.open, notes);
    for (const auto& archive : {one, other})
        for (const std::string& warning : archive->warnings())
            notes.push_back(archive->location().display() + ": " + warning);
    Diff found = diff(*one, *other, options);
    found.notes.insert(found.notes.begin(), notes.begin(), notes.end());
    return found;
}

Diff diff(const std::filesystem::path& a, const std::filesystem::path& b, const DiffOptions& options) {
    return diff(Location::for_reading(a), Location::for_reading(b), options);
}

}  // namespace ballast
