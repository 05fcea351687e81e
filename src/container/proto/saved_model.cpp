// SPDX-License-Identifier: Apache-2.0
// Reading saved_model.pb and keras_metadata.pb, see saved_model.h.
#include "container/proto/saved_model.h"

#include <utility>

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

/// Numbers no signature of a real model comes near.
constexpr std::size_t most_signatures = 10'000, most_dims = 254;

std::string text(Reader& message) {
    return std::string(bytes(message));
}

template <class List>
void bound(const List& list, std::size_t most, const char* what) {
    if (list.size() >= most)
        throw Error(ErrorCode::limit_exceeded,
                    std::string("saved_model.pb has more ") + what + " than " + std::to_string(most));
}

std::int64_t dim(Reader message) {
    std::int64_t size = 0;
    while (message.next()) {
        if (message.tag() == 1)
            size = static_cast<std::int64_t>(number(message));
        else
            message.skip();
    }
    return size;
}

void read_shape(Reader message, SignatureTensor& tensor) {
    while (message.next()) {
        if (message.tag() == 2) {
            bound(tensor.dims, most_dims, "dimensions of a tensor");
            tensor.dims.push_back(dim(message_in(bytes(message))));
        } else if (message.tag() == 3) {
            tensor.unknown_rank = number(message) != 0;
        } else {
            message.skip();
        }
    }
}

void read_tensor(Reader message, SignatureTensor& tensor) {
    while (message.next()) {
        if (message.tag() == 2)
            tensor.dtype = number(message);
        else if (message.tag() == 3)
            read_shape(message_in(bytes(message)), tensor);
        else
            message.skip();
    }
}

/// An entry of map<string, TensorInfo>.
SignatureTensor named_tensor(Reader message) {
    SignatureTensor tensor;
    while (message.next()) {
        if (message.tag() == 1)
            tensor.name = text(message);
        else if (message.tag() == 2)
            read_tensor(message_in(bytes(message)), tensor);
        else
            message.skip();
    }
    return tensor;
}

void read_definition(Reader message, Signature& signature) {
    while (message.next()) {
        switch (message.tag()) {
            case 1:
            case 2: {
                auto& side = message.tag() == 1 ? signature.inputs : signature.outputs;
                bound(side, most_signatures, "tensors in a signature");
                side.push_back(named_tensor(message_in(bytes(message))));
                break;
            }
            case 3:
                signature.method = text(message);
                break;
            default:
                message.skip();
        }
    }
}

/// An entry of map<string, SignatureDef>.
Signature named_signature(Reader message) {
    Signature signature;
    while (message.next()) {
        if (message.tag() == 1)
            signature.name = text(message);
        else if (message.tag() == 2)
            read_definition(message_in(bytes(message)), signature);
        else
            message.skip();
    }
    return signature;
}

void read_meta_info(Reader message, SavedModel& model) {
    while (message.next()) {
        if (message.tag() == 4) {
            bound(model.tags, most_signatures, "tags");
            model.tags.push_back(text(message));
        } else if (message.tag() == 5) {
            model.tensorflow_version = text(message);
        } else {
            message.skip();
        }
    }
}

std::string asset_name(Reader message) {
    std::string name;
    while (message.next()) {
        if (message.tag() == 2)
            name = text(message);
        else
            message.skip();
    }
    return name;
}

UserObject user_object(Reader message, std::uint32_t node) {
    UserObject user{node, {}, {}};
    while (message.next()) {
        if (message.tag() == 1)
            user.identifier = text(message);
        else if (message.tag() == 3)
            user.metadata = text(message);
        else
            message.skip();
    }
    return user;
}

void read_object(Reader message, SavedModel& model) {
    while (message.next()) {
        switch (message.tag()) {
            case 4: {
                UserObject user =
                    user_object(message_in(bytes(message)), static_cast<std::uint32_t>(model.objects));
                if (user.identifier.starts_with("_tf_keras")) model.users.push_back(std::move(user));
                break;
            }
            case 6:
            case 8:
                ++model.functions;
                message.skip();
                break;
            case 7:
                ++model.variables;
                message.skip();
                break;
            default:
                message.skip();
        }
    }
}

void read_objects(Reader message, SavedModel& model, const Limits& limits) {
    model.has_objects = true;
    while (message.next()) {
        if (message.tag() != 1) {
            message.skip();
            continue;
        }
        if (model.objects >= limits.objects)
            throw Error(ErrorCode::limit_exceeded, "saved_model.pb has more objects than the limit objects");
        read_object(message_in(bytes(message)), model);
        ++model.objects;
    }
}

void read_meta_graph(Reader message, SavedModel& model, const Limits& limits) {
    while (message.next()) {
        switch (message.tag()) {
            case 1:
                read_meta_info(message_in(bytes(message)), model);
                break;
            case 5:
                bound(model.signatures, most_signatures, "signatures");
                model.signatures.push_back(named_signature(message_in(bytes(message))));
                break;
            case 6:
                bound(model.assets, limits.objects, "assets");
                model.assets.push_back(asset_name(message_in(bytes(message))));
                break;
            case 7:
                read_objects(message_in(bytes(message)), model, limits);
                break;
            default:
                message.skip();
        }
    }
}

/// Runs `parse(reader)` as guarded() does. What goes wrong gets an offset: behind the field of the message
/// that it is in.
template <class Parse>
auto located(const char* what, std::string_view message, Parse parse) {
    Reader reader = message_in(message);
    try {
        return guarded(what, [&] { return parse(reader); });
    } catch (Error& error) {
        if (!error.offset()) error.at(message.size() - reader.data().size());
        throw;
    }
}

}  // namespace

SavedModel read_saved_model(std::string_view message, const Limits& limits) {
    return located("saved_model.pb", message, [&](Reader& reader) {
        SavedModel model;
        while (reader.next()) {
            if (reader.tag() == 1) {
                model.schema = static_cast<std::int64_t>(number(reader));
            } else if (reader.tag() == 2) {
                if (model.meta_graphs++ == 0)
                    read_meta_graph(message_in(bytes(reader)), model, limits);
                else
                    reader.skip();
            } else {
                reader.skip();
            }
        }
        if (model.meta_graphs == 0) throw Error(ErrorCode::damaged, "saved_model.pb holds no meta graph");
        return model;
    });
}

std::vector<UserObject> read_keras_metadata(std::string_view message, const Limits& limits) {
    return located("keras_metadata.pb", message, [&](Reader& reader) {
        std::vector<UserObject> users;
        while (reader.next()) {
            if (reader.tag() != 1) {
                reader.skip();
                continue;
            }
            bound(users, limits.objects, "objects");
            Reader object = message_in(bytes(reader));
            UserObject user;
            while (object.next()) {
                if (object.tag() == 2)
                    user.node = static_cast<std::uint32_t>(number(object));
                else if (object.tag() == 4)
                    user.identifier = text(object);
                else if (object.tag() == 5)
                    user.metadata = text(object);
                else
                    object.skip();
            }
            users.push_back(std::move(user));
        }
        return users;
    });
}

}  // namespace ballast::proto
