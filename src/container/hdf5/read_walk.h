// SPDX-License-Identifier: Apache-2.0
// FileParser: the walk over all groups of a file that fills a hdf5::File. Used once, by File::parse.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "container/hdf5/parse_attribute.h"
#include "container/hdf5/parse_dataset.h"
#include "container/hdf5/parse_links.h"
#include "container/hdf5/read.h"

namespace ballast::hdf5 {

class FileParser {
public:
    FileParser(std::shared_ptr<const io::Source> source, const Limits& limits);
    std::shared_ptr<const File> run();

private:
    void walk();
    void process(ObjectId id);
    void read_object(ObjectId id);
    void give_up(ObjectId id, const Error& error);
    void add_problem(ObjectId id, Error error);
    bool copy_twin(ObjectId id);
    bool on_own_chain(ObjectId id) const;
    void append_children(ObjectId id, std::vector<Link>& links);
    void append(ObjectId parent, Link&& link);
    void check_names(ObjectId id, std::vector<Link>& links) const;
    std::uint32_t depth_of(ObjectId id) const;

    /// The first object with this header, which is `id` itself when there was none.
    ObjectId first_at(std::uint64_t address, ObjectId id);
    void grow_index();

    std::shared_ptr<File> file_;
    Limits limits_;
    Metadata metadata_;
    SharedReader shared_;
    TypeReader types_;
    GlobalHeap heap_;
    LinkReader links_;
    AttributeReader attributes_;
    DatasetReader datasets_;
    ObjectHeader header_;
    std::vector<Link> found_;
    std::vector<ObjectId> pending_;  ///< objects still to be read, the next one last
    std::vector<bool> done_;         ///< per object: kind, attributes and children are final
    struct Slot {
        std::uint32_t hash = 0;
        ObjectId id = no_object;
    };
    std::vector<Slot> by_address_;  ///< open-addressed hash set of objects
    std::size_t indexed_ = 0;
    std::uint64_t links_met_ = 0;
    std::size_t cycles_ = 0;
    ObjectId current_ = 0;  ///< for error messages
};

}  // namespace ballast::hdf5
