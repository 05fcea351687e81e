// SPDX-License-Identifier: Apache-2.0
// The walk over an HDF5 group through the C library: iterative, each object once.
#include "hdf5lib/copy_tree.h"

#include <map>
#include <utility>

#include "hdf5lib/session.h"

namespace ballast::hdf5lib {
namespace {

struct Link {
    std::string name;
    H5L_type_t kind;
};

extern "C" herr_t ballast_keep_link(hid_t, const char* name, const H5L_info_t* info, void* links) {
    try {
        static_cast<std::vector<Link>*>(links)->push_back({name, info->type});
        return 0;
    } catch (...) {  // may not pass through C
        return -1;
    }
}

std::vector<Link> links_of(hid_t group) {
    std::vector<Link> links;
    hsize_t position = 0;
    reading.check(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &position, ballast_keep_link, &links),
                  "list the group");
    return links;
}

/// Elements that are not bytes of their own but lead elsewhere.
bool leads_elsewhere(hid_t type) {
    return H5Tdetect_class(type, H5T_VLEN) > 0 || H5Tdetect_class(type, H5T_REFERENCE) > 0 ||
           H5Tis_variable_str(type) > 0;
}

class Copier {
public:
    Copier(hid_t from, hid_t to, const CopyRules& rules) : from_(from), to_(to), rules_(rules) {
        const H5O_info_t root = info_of(from);
        first_path_[{root.fileno, root.addr}] = ".";
        pending_.emplace_back(".");
    }

    void run() {
        while (!pending_.empty()) {
            const std::string path = std::move(pending_.back());
            pending_.pop_back();
            const Handle from = reading.own(H5Gopen2(from_, path.c_str(), H5P_DEFAULT), "open the group");
            const Handle to = writing.own(H5Gopen2(to_, path.c_str(), H5P_DEFAULT), "open the group");
            for (const Link& link : links_of(from))
                copy_link(from, to, link, path == "." ? link.name : path + "/" + link.name);
        }
    }

private:
    static H5O_info_t info_of(hid_t object) {
        H5O_info_t info{};
        reading.check(H5Oget_info(object, &info), "look at the object");
        return info;
    }

    void copy_link(hid_t from, hid_t to, const Link& link, const std::string& path) {
        if (++objects_ > rules_.most_objects)
            throw Error(ErrorCode::limit_exceeded,
                        "more than " + std::to_string(rules_.most_objects) + " links")
                .hint("raise Limits::objects");
        try {
            switch (link.kind) {
                case H5L_TYPE_HARD:
                    return copy_object(from, to, link.name, path);
                case H5L_TYPE_SOFT:
                    return copy_soft(from, to, link.name);
                case H5L_TYPE_EXTERNAL:
                    return copy_external(from, to, link.name);
                default:
                    throw Error(ErrorCode::unsupported, "a user-defined link");
            }
        } catch (Error& error) {
            throw error.tensor(path);
        }
    }

    void copy_object(hid_t from, hid_t to, const std::string& name, const std::string& path) {
        const Handle object = reading.own(H5Oopen(from, name.c_str(), H5P_DEFAULT), "open the object");
        const H5O_info_t info = info_of(object);
        const auto [known, is_new] = first_path_.try_emplace({info.fileno, info.addr}, path);
        if (!is_new) {
            writing.check(
                H5Lcreate_hard(to_, known->second.c_str(), to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                "link the object");
            return;
        }
        switch (info.type) {
            case H5O_TYPE_GROUP: {
                const Handle made = writing.own(
                    H5Gcreate2(to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "create the group");
                copy_attributes(object, made);
                pending_.push_back(path);
                return;
            }
            case H5O_TYPE_DATASET:
                return copy_dataset(object, to, name, path);
            case H5O_TYPE_NAMED_DATATYPE: {
                const Handle type = detached_type(object);
                writing.check(H5Tcommit2(to, name.c_str(), type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                              "commit the type");
                return;
            }
            default:
                throw Error(ErrorCode::unsupported, "an object that is no group, dataset or type");
        }
    }

    /// Of the same type and present shape.
    void copy_dataset(hid_t dataset, hid_t to, const std::string& name, const std::string& path) {
        const Handle stored = reading.own(H5Dget_type(dataset), "read the dataset's type");
        const Handle type = detached_type(stored);
        const Handle space = fixed_space(dataset);
        const Handle options = writing.own(H5Pcreate(H5P_DATASET_CREATE), "describe the dataset");
        const bool own_bytes = !leads_elsewhere(type);
        if (rules_.take_room && own_bytes) {
            writing.check(H5Pset_alloc_time(options, H5D_ALLOC_TIME_EARLY), "describe the dataset");
            writing.check(H5Pset_fill_time(options, H5D_FILL_TIME_NEVER), "describe the dataset");
        }
        const Handle made =
            writing.own(H5Dcreate2(to, name.c_str(), type, space, H5P_DEFAULT, options, H5P_DEFAULT),
                        "create the dataset");
        copy_attributes(dataset, made);
        const bool elements = H5Sget_simple_extent_npoints(space) > 0;
        if (own_bytes && elements) rules_.dataset(path, dataset, made);
        if (elements && H5Tis_variable_str(type) > 0) copy_text(dataset, made);
    }

    static Handle fixed_space(hid_t dataset) {
        Handle space = reading.own(H5Dget_space(dataset), "read the dataset's shape");
        if (H5Sget_simple_extent_type(space) != H5S_SIMPLE) return detached_space(space);
        std::vector<hsize_t> dims(H5S_MAX_RANK);
        const int rank =
            reading.check(H5Sget_simple_extent_dims(space, dims.data(), nullptr), "read the dataset's shape");
        return reading.own(H5Screate_simple(rank, dims.data(), nullptr), "describe the dataset's shape");
    }

    static std::vector<char> value_of(hid_t from, const std::string& name) {
        H5L_info_t info{};
        reading.check(H5Lget_info(from, name.c_str(), &info, H5P_DEFAULT), "look at the link");
        std::vector<char> value(info.u.val_size + 1);
        reading.check(H5Lget_val(from, name.c_str(), value.data(), value.size(), H5P_DEFAULT),
                      "read the link");
        return value;
    }

    static void copy_soft(hid_t from, hid_t to, const std::string& name) {
        const std::vector<char> value = value_of(from, name);
        writing.check(H5Lcreate_soft(value.data(), to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                      "link softly");
    }

    static void copy_external(hid_t from, hid_t to, const std::string& name) {
        const std::vector<char> value = value_of(from, name);
        unsigned flags = 0;
        const char *file = nullptr, *object = nullptr;
        reading.check(H5Lunpack_elink_val(value.data(), value.size() - 1, &flags, &file, &object),
                      "read the link");
        writing.check(H5Lcreate_external(file, object, to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                      "link to another file");
    }

    hid_t from_, to_;
    const CopyRules& rules_;
    std::uint64_t objects_ = 0;
    std::map<std::pair<unsigned long, haddr_t>, std::string> first_path_;
    std::vector<std::string> pending_;
};

}  // namespace

void copy_tree(hid_t from, hid_t to, const CopyRules& rules) {
    Copier(from, to, rules).run();
}

std::vector<std::string> link_names(hid_t group) {
    std::vector<std::string> names;
    for (Link& link : links_of(group))
        names.push_back(std::move(link.name));
    return names;
}

}  // namespace ballast::hdf5lib
