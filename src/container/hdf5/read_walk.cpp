// SPDX-License-Identifier: Apache-2.0
// The walk: an explicit stack, depth first so that reading follows the file, with the children of a group
// consecutive.
#include "container/hdf5/read_walk.h"

#include <algorithm>

#include "container/hdf5/parse_superblock.h"
#include "core/text.h"

namespace ballast::hdf5 {

namespace {

using format::Message;

constexpr std::size_t most_cycle_warnings = 20;
constexpr std::uint64_t problem_bytes = 512;  // what an Error takes, with its texts

ObjectKind kind_of(const ObjectHeader& header) {
    if (header.find(Message::layout) != nullptr) return ObjectKind::dataset;
    if (header.find(Message::symbol_table) != nullptr || header.find(Message::link_info) != nullptr ||
        header.find(Message::link) != nullptr || header.find(Message::group_info) != nullptr) {
        return ObjectKind::group;
    }
    if (header.find(Message::dataspace) == nullptr && header.find(Message::datatype) != nullptr) {
        return ObjectKind::committed_type;
    }
    throw Error(ErrorCode::damaged, "HDF5: an object is neither group nor dataset nor datatype")
        .at(header.position());
}

bool is_hard(ObjectKind kind) {
    return kind == ObjectKind::group || kind == ObjectKind::dataset || kind == ObjectKind::committed_type ||
           kind == ObjectKind::unreadable;
}

bool name_less(const Link& a, const Link& b) {
    return a.name < b.name;
}

}  // namespace

FileParser::FileParser(std::shared_ptr<const io::Source> source, const Limits& limits)
    : file_(new File),
      limits_(limits),
      metadata_(*source, limits_),
      shared_(metadata_),
      types_(metadata_),
      heap_(metadata_),
      links_(metadata_),
      attributes_(metadata_, shared_, types_, heap_),
      datasets_(metadata_, shared_, types_, heap_, source) {
    file_->source_ = std::move(source);
}

std::shared_ptr<const File> FileParser::run() {
    const std::string& path = file_->source_->path();
    try {
        const auto signature = find_signature(*file_->source_);
        if (!signature) throw Error(ErrorCode::damaged, "HDF5: no superblock found").at(0);
        const std::uint64_t root = parse_superblock(metadata_, *signature, file_->warnings_);
        file_->objects_.push_back({});
        file_->objects_[0].address = root;
        done_.push_back(false);
        first_at(root, 0);
        walk();
    } catch (Error& error) {
        error.in(path);
        if (current_ != 0) error.tensor(file_->path_of(current_));
        if (!file_->objects_.empty()) error.at(file_->objects_[current_].address);
        throw;
    }
    for (Dataset& dataset : file_->datasets_) {
        if (dataset.problem == nullptr || !dataset.problem->path().empty()) continue;
        dataset.problem = std::make_shared<const Error>(Error(*dataset.problem).in(path));
    }
    if (cycles_ > most_cycle_warnings) {
        file_->warnings_.push_back(std::to_string(cycles_ - most_cycle_warnings) + " more such links");
    }
    file_->widths_ = {metadata_.geometry.base, metadata_.geometry.offset_size,
                      metadata_.geometry.length_size};
    file_->objects_.shrink_to_fit();
    file_->attributes_.shrink_to_fit();
    file_->datasets_.shrink_to_fit();
    return file_;
}

void FileParser::walk() {
    pending_.push_back(0);
    while (!pending_.empty()) {
        current_ = pending_.back();
        pending_.pop_back();
        process(current_);
    }
    current_ = 0;
    if (file_->objects_[0].kind != ObjectKind::group) {
        throw Error(ErrorCode::damaged, "HDF5: the root object is no group").at(file_->objects_[0].address);
    }
}

/// Damage to one object does not hide the others, but for the root: without it there is nothing to list.
void FileParser::process(ObjectId id) {
    const std::size_t attributes = file_->attributes_.size();
    try {
        read_object(id);
    } catch (const Error& error) {
        const bool is_damage = error.code() != ErrorCode::limit_exceeded;  // a limit says: not this file
        if (id == 0 || !is_damage || metadata_.exhausted()) throw;
        file_->attributes_.resize(attributes);
        give_up(id, error);
    }
    done_[id] = true;
}

void FileParser::give_up(ObjectId id, const Error& error) {
    Object& object = file_->objects_[id];
    object.kind = ObjectKind::unreadable;
    object.attribute_count = object.child_count = 0;
    add_problem(id, error);
}

void FileParser::add_problem(ObjectId id, Error error) {
    metadata_.charge(problem_bytes);
    file_->problems_.push_back(std::move(
        error.in(file_->source_->path()).at(file_->objects_[id].address).tensor(file_->path_of(id))));
}

void FileParser::read_object(ObjectId id) {
    if (file_->objects_[id].alias_of != no_object && copy_twin(id)) return;
    header_.read(metadata_, file_->objects_[id].address);
    Object& object = file_->objects_[id];
    object.kind = kind_of(header_);
    object.first_attribute = static_cast<std::uint32_t>(file_->attributes_.size());
    std::optional<Error> damage;
    attributes_.read(header_, file_->attributes_, damage);
    object.attribute_count = static_cast<std::uint32_t>(file_->attributes_.size()) - object.first_attribute;
    if (damage) add_problem(id, *damage);
    if (object.kind == ObjectKind::dataset) {
        metadata_.charge(sizeof(Dataset));
        object.dataset = static_cast<std::uint32_t>(file_->datasets_.size());
        file_->datasets_.push_back(datasets_.read(header_));
        Dataset& dataset = file_->datasets_.back();
        if (dataset.problem != nullptr) {
            dataset.problem =
                std::make_shared<const Error>(Error(*dataset.problem).tensor(file_->path_of(id)));
        }
    } else if (object.kind == ObjectKind::group) {
        header_.check_known();
        found_.clear();
        links_.read(header_, limits_.links - links_met_, found_);
        append_children(id, found_);
    }
}

/// A hard link to an object met before. Returns false when that object was not walked yet and must be read
/// here.
bool FileParser::copy_twin(ObjectId id) {
    if (on_own_chain(id)) {
        if (++cycles_ <= most_cycle_warnings) {
            file_->warnings_.push_back(
                "'" + escape(file_->path_of(id)) + "' links back to a group that holds it ('/" +
                escape(file_->path_of(file_->objects_[id].alias_of)) + "'); not entered");
        }
        return true;
    }
    const ObjectId twin = file_->objects_[id].alias_of;
    if (!done_[twin]) return false;
    Object& object = file_->objects_[id];
    const Object& source = file_->objects_[twin];
    object.kind = source.kind;
    object.first_attribute = source.first_attribute;
    object.attribute_count = source.attribute_count;
    object.dataset = source.dataset;
    if (source.kind == ObjectKind::group) {
        found_.clear();
        for (const Object& child : file_->children(twin)) {
            metadata_.charge(sizeof(Object) + child.name.size());
            const ObjectKind kind = is_hard(child.kind) ? ObjectKind::group : child.kind;
            found_.push_back({child.name, kind, is_hard(child.kind) ? child.address : format::undefined,
                              std::string(file_->link_target(file_->id_of(child)))});
        }
        append_children(id, found_);
    }
    return true;
}

bool FileParser::on_own_chain(ObjectId id) const {
    const std::uint64_t address = file_->objects_[id].address;
    for (ObjectId up = file_->objects_[id].parent; up != no_object; up = file_->objects_[up].parent) {
        if (file_->objects_[up].address == address) return true;
    }
    return false;
}

void FileParser::check_names(ObjectId id, std::vector<Link>& links) const {
    if (!std::is_sorted(links.begin(), links.end(), name_less))
        std::sort(links.begin(), links.end(), name_less);
    const auto twin = std::adjacent_find(links.begin(), links.end(),
                                         [](const Link& a, const Link& b) { return a.name == b.name; });
    if (twin == links.end()) return;
    throw Error(ErrorCode::damaged, "HDF5: a group has two links named '" + twin->name + "'")
        .at(file_->objects_[id].address);
}

std::uint32_t FileParser::depth_of(ObjectId id) const {
    std::uint32_t depth = 0;
    for (; file_->objects_[id].parent != no_object; id = file_->objects_[id].parent)
        ++depth;
    return depth;
}

void FileParser::append_children(ObjectId id, std::vector<Link>& links) {
    if (links.empty()) return;
    check_names(id, links);
    if (depth_of(id) >= limits_.group_depth) {
        throw Error(ErrorCode::limit_exceeded,
                    "HDF5: groups are nested deeper than the limit of " + std::to_string(limits_.group_depth))
            .at(file_->objects_[id].address);
    }
    links_met_ += links.size();
    if (links_met_ > limits_.links) metadata_.exhaust("the file has more links than the limit allows");
    if (links.size() > limits_.objects || file_->objects_.size() > limits_.objects - links.size()) {
        metadata_.exhaust("the file has more objects than the limit of " + std::to_string(limits_.objects));
    }
    const auto first = static_cast<ObjectId>(file_->objects_.size());
    for (Link& link : links)
        append(id, std::move(link));
    const auto end = static_cast<ObjectId>(file_->objects_.size());
    file_->objects_[id].first_child = first;
    file_->objects_[id].child_count = end - first;
    // Read next in the order of the file, which costs least; the numbering stays that of the names.
    const auto begin = static_cast<std::ptrdiff_t>(pending_.size());
    for (ObjectId child = first; child < end; ++child) {
        if (is_hard(file_->objects_[child].kind)) pending_.push_back(child);
    }
    std::sort(pending_.begin() + begin, pending_.end(), [&](ObjectId a, ObjectId b) {
        const std::uint64_t at_a = file_->objects_[a].address, at_b = file_->objects_[b].address;
        return at_a != at_b ? at_a > at_b : a > b;
    });
}

void FileParser::append(ObjectId parent, Link&& link) {
    const auto id = static_cast<ObjectId>(file_->objects_.size());
    Object& object = file_->objects_.emplace_back();
    done_.push_back(false);
    object.name = std::move(link.name);
    object.parent = parent;
    object.kind = link.kind;
    if (!is_hard(link.kind)) {
        if (!link.target.empty()) file_->targets_.emplace_back(id, std::move(link.target));
        return;
    }
    object.address = link.address;
    const ObjectId first = first_at(link.address, id);
    if (first != id) file_->objects_[id].alias_of = first;
}

// ---- Objects by address ----

ObjectId FileParser::first_at(std::uint64_t address, ObjectId id) {
    if ((indexed_ + 1) * 3 > by_address_.size() * 2) grow_index();
    const std::size_t mask = by_address_.size() - 1;
    const auto hash = static_cast<std::uint32_t>(address * 0x9e3779b97f4a7c15ull >> 32);
    std::size_t slot = hash & mask;
    for (; by_address_[slot].id != no_object; slot = (slot + 1) & mask) {
        const Slot& held = by_address_[slot];
        if (held.hash == hash && file_->objects_[held.id].address == address) return held.id;
    }
    by_address_[slot] = {hash, id};
    ++indexed_;
    return id;
}

void FileParser::grow_index() {
    std::vector<Slot> old(std::max<std::size_t>(64, by_address_.size() * 2));
    old.swap(by_address_);
    const std::size_t mask = by_address_.size() - 1;
    for (const Slot& held : old) {
        if (held.id == no_object) continue;
        std::size_t slot = held.hash & mask;
        while (by_address_[slot].id != no_object)
            slot = (slot + 1) & mask;
        by_address_[slot] = held;
    }
}

}  // namespace ballast::hdf5
