// SPDX-License-Identifier: Apache-2.0
// The stages of matching: by path, by layer name, by order, by shape; see align_match.h.
#include "model/align_match.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "ballast/error.h"
#include "core/text.h"

namespace ballast {
namespace {

constexpr std::string_view map_hint =
    "settle it with --map FILE (lines `old -> new`), or with --match path, name or order";

bool is_ordinal(std::string_view role) {
    return !role.empty() && role.find_first_not_of("0123456789") == std::string_view::npos;
}

class Matcher {
public:
    Matcher(const AlignSide& source, const AlignSide& target) : source_(source), target_(target) {
        found_.source_of.assign(target.items.size(), no_item);
        found_.target_of.assign(source.items.size(), no_item);
    }

    Matching run(MatchBy match) {
        // What the user named goes there, whatever else is matched how.
        by_item_name([](const AlignItem& item) -> const std::string& { return item.name; }, true);
        check_map();
        switch (match) {
            case MatchBy::automatic:
                by_path();
                by_layer_name();
                by_shape();
                break;
            case MatchBy::path:
                by_path();
                break;
            case MatchBy::name:
                by_layer_name();
                break;
            case MatchBy::order:
                by_order();
                break;
        }
        return std::move(found_);
    }

private:
    void put(std::size_t from, std::size_t to) {
        found_.target_of[from] = to;
        found_.source_of[to] = from;
    }
    bool free_source(std::size_t item) const { return found_.target_of[item] == no_item; }
    bool free_target(std::size_t item) const { return found_.source_of[item] == no_item; }

    Error ambiguous(std::string message) const {
        return Error(ErrorCode::ambiguous_mapping, std::move(message)).hint(map_hint);
    }

    // ---- by path ----

    using UnitPaths = std::unordered_map<std::string_view, std::size_t>;

    void by_path() {
        by_item_name([](const AlignItem& item) -> const std::string& { return item.name; }, false);
        by_item_name([](const AlignItem& item) -> const std::string& { return item.stored; }, false);
        UnitPaths units;
        for (std::size_t unit = 0; unit < target_.units.size(); ++unit)
            units.emplace(target_.units[unit].path, unit);
        for (const AlignUnit& unit : source_.units) {
            UnitPaths::const_iterator place = units.find(unit.path);
            if (place == units.end()) place = around_cell(unit.path, units);
            if (place != units.end()) match_units(unit, target_.units[place->second]);
        }
    }

    /// cuDNN's layers own the weights that plain recurrent ones keep in a cell.
    static UnitPaths::const_iterator around_cell(std::string_view path, const UnitPaths& units) {
        constexpr std::string_view cell = "/cell";
        if (path.ends_with(cell)) return units.find(path.substr(0, path.size() - cell.size()));
        return units.find(std::string(path) + std::string(cell));
    }

    template <class Key>
    void by_item_name(Key key, bool only_mapped) {
        std::unordered_map<std::string_view, std::size_t> places;
        for (std::size_t i = 0; i < target_.items.size(); ++i) {
            if (free_target(i) && !key(target_.items[i]).empty()) places.emplace(key(target_.items[i]), i);
        }
        for (std::size_t i = 0; i < source_.items.size(); ++i) {
            const AlignItem& item = source_.items[i];
            if (!free_source(i) || (only_mapped && !item.mapped)) continue;
            const auto place = places.find(key(item));
            if (place == places.end()) continue;
            if (!free_target(place->second)) throw twice(place->second, i);
            put(i, place->second);
        }
    }

    Error twice(std::size_t place, std::size_t item) const {
        const AlignItem& first = source_.items[found_.source_of[place]];
        return ambiguous("two tensors of the source, '" + first.stored + "' and '" +
                         source_.items[item].stored + "', would both become '" + target_.items[place].name +
                         "'");
    }

    // ---- layer by layer ----

    std::vector<std::size_t> free_items(const AlignUnit& unit, bool of_source) const {
        std::vector<std::size_t> items;
        for (const std::size_t item : unit.items) {
            if (of_source ? free_source(item) : free_target(item)) items.push_back(item);
        }
        return items;
    }

    /// By role; where a side knows no roles, as pair_unnamed() says.
    bool match_units(const AlignUnit& from, const AlignUnit& to) {
        const bool whole = by_role(from, to, [](std::string_view role) { return role; });
        // A legacy file without config keeps more of a name than the role: "net/dense/kernel".
        const bool last =
            by_role(from, to, [](std::string_view role) { return role.substr(role.rfind('/') + 1); });
        if (whole || last) return true;
        const std::vector<std::size_t> sources = free_items(from, true), targets = free_items(to, false);
        const auto is_number = [](const AlignSide& side) {
            return [&side](std::size_t item) { return is_ordinal(side.items[item].role); };
        };
        const bool numbers = std::any_of(sources.begin(), sources.end(), is_number(source_)) ||
                             std::any_of(targets.begin(), targets.end(), is_number(target_));
        return numbers && pair_unnamed(from, sources, to, targets);
    }

    /// Pairs what has one key alone on both sides.
    template <class Key>
    bool by_role(const AlignUnit& from, const AlignUnit& to, Key key) {
        std::unordered_map<std::string_view, std::vector<std::size_t>> sources, targets;
        for (const std::size_t item : free_items(from, true))
            sources[key(source_.items[item].role)].push_back(item);
        for (const std::size_t item : free_items(to, false))
            targets[key(target_.items[item].role)].push_back(item);
        bool any = false;
        for (const auto& [role, items] : sources) {
            const auto places = targets.find(role);
            if (places == targets.end() || items.size() != 1 || places->second.size() != 1) continue;
            put(items.front(), places->second.front());
            any = true;
        }
        return any;
    }

    bool all_ordinals(const AlignSide& side, const std::vector<std::size_t>& items) const {
        return std::all_of(items.begin(), items.end(),
                           [&](std::size_t item) { return is_ordinal(side.items[item].role); });
    }

    static std::string shape_of(const AlignItem& item) {
        return item.value->empty() ? std::string() : item.value->shape().to_string();
    }

    /// Without roles on both sides: by position, where both sides are known to stand in the order of
    /// creation; else by shape, where no two of them are alike.
    bool pair_unnamed(const AlignUnit& from, std::vector<std::size_t> sources, const AlignUnit& to,
                      const std::vector<std::size_t>& targets) {
        if (sources.size() != targets.size()) return false;
        const bool numbered = all_ordinals(source_, sources);
        if (to.ordered && (from.ordered || numbered)) {
            if (numbered)
                std::stable_sort(sources.begin(), sources.end(), [&](std::size_t a, std::size_t b) {
                    return natural_less(source_.items[a].role, source_.items[b].role);
                });
            for (std::size_t i = 0; i < sources.size(); ++i)
                put(sources[i], targets[i]);
            return true;
        }
        std::map<std::string, std::size_t> places;
        for (const std::size_t t : targets) {
            if (target_.items[t].value->empty() || !places.emplace(shape_of(target_.items[t]), t).second)
                return false;
        }
        std::vector<std::pair<std::size_t, std::size_t>> pairs;
        for (const std::size_t s : sources) {
            const auto place = places.find(shape_of(source_.items[s]));
            if (place == places.end()) return false;
            pairs.emplace_back(s, place->second);
            places.erase(place);
        }
        for (const auto& [s, t] : pairs)
            put(s, t);
        return true;
    }

    using Units = std::map<std::string_view, std::vector<std::size_t>>;
    Units free_units(const AlignSide& side, bool of_source) const {
        Units units;
        for (std::size_t i = 0; i < side.units.size(); ++i) {
            const AlignUnit& unit = side.units[i];
            if (!unit.name.empty() && !free_items(unit, of_source).empty()) units[unit.name].push_back(i);
        }
        return units;
    }

    void by_layer_name() {
        const Units sources = free_units(source_, true), targets = free_units(target_, false);
        for (const auto& [name, from] : sources) {
            const auto to = targets.find(name);
            if (to == targets.end()) continue;
            if (from.size() > 1 || to->second.size() > 1) {
                throw ambiguous("the source has " + std::to_string(from.size()) + " layers named '" +
                                std::string(name) + "' and the target " + std::to_string(to->second.size()));
            }
            match_units(source_.units[from.front()], target_.units[to->second.front()]);
        }
    }

    void by_order() {
        std::vector<std::size_t> sources, targets;
        for (std::size_t i = 0; i < source_.items.size(); ++i) {
            if (free_source(i)) sources.push_back(i);
        }
        for (std::size_t i = 0; i < target_.items.size(); ++i) {
            if (free_target(i)) targets.push_back(i);
        }
        if (sources.size() != targets.size()) {
            throw ambiguous("by order, the source has " + std::to_string(sources.size()) +
                            " tensors for the " + std::to_string(targets.size()) + " of the target");
        }
        for (std::size_t i = 0; i < sources.size(); ++i) {
            check_roles(source_.items[sources[i]], target_.items[targets[i]]);
            put(sources[i], targets[i]);
        }
    }

    static std::string_view kind_of_role(std::string_view role) {
        constexpr std::string_view distinct[] = {"gamma", "beta", "moving_mean", "moving_variance", "bias"};
        role = role.substr(role.rfind('/') + 1);
        const auto* const found = std::find(std::begin(distinct), std::end(distinct), role);
        return found == std::end(distinct) ? std::string_view() : *found;
    }

    /// Layers within a layer whose files disagree about the order: Keras 3 has them by the alphabet.
    static std::string_view part_of_layer(std::string_view path) {
        constexpr std::string_view distinct[] = {"forward", "backward", "query", "key", "value"};
        std::string_view found;
        for (std::string_view left = path; !left.empty();) {
            const std::string_view step = left.substr(0, left.find('/'));
            left.remove_prefix(std::min(left.size(), step.size() + 1));
            for (const std::string_view part : distinct)
                if (step.starts_with(part) || (step.starts_with('_') && step.substr(1).starts_with(part)))
                    found = part;
        }
        return found;
    }

    /// Legacy files list what is trained first, others do not: an order that puts a scale where a mean
    /// belongs is none.
    static void check_roles(const AlignItem& from, const AlignItem& to) {
        const auto differ = [](std::string_view a, std::string_view b) {
            return !a.empty() && !b.empty() && a != b;
        };
        if (!differ(kind_of_role(from.role), kind_of_role(to.role)) &&
            !differ(part_of_layer(from.name), part_of_layer(to.name)))
            return;
        throw Error(ErrorCode::ambiguous_mapping,
                    "by order, '" + from.name + "' would become '" + to.name + "', which is something else")
            .tensor(from.stored)
            .hint(
                "the two files list their tensors in different orders: settle it with --map FILE (lines `old "
                "-> new`)");
    }

    // ---- by shape, where only one assignment fits ----

    static std::string shapes_of(const AlignSide& side, const AlignUnit& unit) {
        std::vector<std::string> shapes;
        for (const std::size_t item : unit.items) {
            const TensorExpr& value = *side.items[item].value;
            if (value.empty()) return {};
            shapes.push_back(value.shape().to_string());
        }
        std::sort(shapes.begin(), shapes.end());
        std::string text;
        for (const std::string& shape : shapes)
            text += shape + ";";
        return text;
    }

    /// Whole layers that nothing has matched yet, by the shapes of their tensors.
    std::map<std::string, std::vector<std::size_t>> untouched(const AlignSide& side, bool of_source) const {
        std::map<std::string, std::vector<std::size_t>> units;
        for (std::size_t i = 0; i < side.units.size(); ++i) {
            const AlignUnit& unit = side.units[i];
            if (unit.items.empty() || free_items(unit, of_source).size() != unit.items.size()) continue;
            if (std::string shapes = shapes_of(side, unit); !shapes.empty())
                units[std::move(shapes)].push_back(i);
        }
        return units;
    }

    void by_shape() {
        const auto sources = untouched(source_, true), targets = untouched(target_, false);
        for (const auto& [shapes, from] : sources) {
            const auto to = targets.find(shapes);
            if (to == targets.end()) continue;
            const AlignUnit& first = source_.units[from.front()];
            const AlignUnit& place = target_.units[to->second.front()];
            if (from.size() > 1 || to->second.size() > 1) {
                throw ambiguous("names do not tell where layer '" + first.path + "' of the source belongs: " +
                                std::to_string(from.size()) + " of its layers and " +
                                std::to_string(to->second.size()) + " of the target's have the same shapes");
            }
            if (!match_units(first, place) || !free_items(first, true).empty()) {
                throw ambiguous("names do not tell which tensor of layer '" + first.path +
                                "' is which of the target's '" + place.path + "'");
            }
            found_.notes.push_back("layer '" + first.path + "' of the source became '" + place.path +
                                   "': no other has these shapes");
        }
    }

    void check_map() const {
        for (std::size_t i = 0; i < source_.items.size(); ++i) {
            const AlignItem& item = source_.items[i];
            if (!item.mapped || !free_source(i)) continue;
            throw Error(ErrorCode::name_not_found,
                        "the map calls it '" + item.name + "', and the target has no tensor of that name")
                .tensor(item.stored)
                .hint("list the target's names with `ballast inspect`");
        }
    }

    const AlignSide& source_;
    const AlignSide& target_;
    Matching found_;
};

}  // namespace

Matching match_items(const AlignSide& source, const AlignSide& target, MatchBy match) {
    return Matcher(source, target).run(match);
}

}  // namespace ballast
