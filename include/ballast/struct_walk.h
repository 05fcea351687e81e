// SPDX-License-Identifier: Apache-2.0
// From a plain struct to a ProgramModel, by the names Boost.PFR gives its fields. Used through weights.h.
//
// Needs Boost.PFR 1.84 or newer.
#pragma once

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <concepts>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ballast/layer_traits.h"
#include "ballast/program_model.h"
#include "ballast/program_weights.h"
#include "ballast/struct_checks.h"
#include "ballast/tensor_traits.h"

namespace ballast::detail {

/// "my::net::Dense" and "Dense<float>" are "Dense".
constexpr std::string_view short_type_name(std::string_view name) {
    if (const auto arguments = name.find('<'); arguments != name.npos) name = name.substr(0, arguments);
    return name.substr(name.rfind(':') + 1);
}
template <class T>
constexpr std::string_view type_name() {
    // "… [with T = my::Dense; std::string_view = …]" (gcc), "… [T = my::Dense]" (clang)
    std::string_view text = __PRETTY_FUNCTION__;
    text = text.substr(text.find("T = ") + 4);
    return short_type_name(text.substr(0, text.find_first_of(";]")));
}

template <class List>
constexpr bool contains(const List& list, std::string_view name) {
    for (const auto& item : list)
        if (std::string_view(item) == name) return true;
    return false;
}

template <class Layer, std::size_t place>
constexpr bool is_skipped() {
    if constexpr (requires { LayerTraits<Layer>::skip; }) {
        return contains(LayerTraits<Layer>::skip, boost::pfr::get_name<place, Layer>());
    } else {
        return false;
    }
}

template <class Layer>
std::string class_name_of() {
    if constexpr (requires { LayerTraits<Layer>::class_name; }) {
        return std::string(LayerTraits<Layer>::class_name);
    } else {
        return std::string(type_name<Layer>());
    }
}

template <class Layer>
ProgramLayer describe(const Layer& layer, std::string name) {
    using Traits = LayerTraits<Layer>;
    ProgramLayer result;
    result.name = std::move(name);
    result.class_name = class_name_of<Layer>();
    if constexpr (requires { Traits::name(layer); }) result.name = Traits::name(layer);
    if constexpr (requires { Traits::package; }) result.package = Traits::package;
    if constexpr (requires { Traits::style; }) result.style = Traits::style;
    if constexpr (requires { Traits::trainable(layer); }) result.trainable = Traits::trainable(layer);
    if constexpr (requires { Traits::order; }) {
        for (const std::string_view role : Traits::order)
            result.order.emplace_back(role);
    }
    return result;
}

/// The name by which Keras knows a field.
template <class Layer>
std::string keras_name(std::string_view field) {
    if constexpr (requires { LayerTraits<Layer>::names; }) {
        for (const auto& [own, keras] : LayerTraits<Layer>::names)
            if (std::string_view(own) == field) return std::string(keras);
    }
    return std::string(field);
}

template <class T>
constexpr DType tensor_dtype() {
    if constexpr (requires { TensorTraits<T>::dtype; }) {
        return TensorTraits<T>::dtype;
    } else {
        return dtype_of<typename TensorTraits<T>::element>;
    }
}

/// A new object for a tensor that can be resized; the old one goes when the new one is put in place.
template <class T>
class FreshTensor final : public StagedTensor {
public:
    FreshTensor(T& target, const Shape& shape) : target_(target) {
        static_assert(std::is_nothrow_move_assignable_v<T>,
                      "Ballast: a tensor type with resize() must move without throwing, so that a load "
                      "changes all or nothing.");
        TensorTraits<T>::resize(fresh_, shape);
        const auto size = byte_size(tensor_dtype<T>(), shape.element_count());
        bytes_ = {reinterpret_cast<std::byte*>(TensorTraits<T>::data(fresh_)),
                  static_cast<std::size_t>(size)};
    }
    std::span<std::byte> bytes() override { return bytes_; }
    void commit() noexcept override { target_ = std::move(fresh_); }

private:
    T& target_;
    T fresh_{};
    std::span<std::byte> bytes_;
};

/// A copy that is written over elements which stay where they are.
class CopiedTensor final : public StagedTensor {
public:
    CopiedTensor(void* target, std::size_t size)
        : target_(target), bytes_(std::make_unique<std::byte[]>(size)), size_(size) {}
    std::span<std::byte> bytes() override { return {bytes_.get(), size_}; }
    void commit() noexcept override {
        if (size_ > 0) std::memcpy(target_, bytes_.get(), size_);
    }

private:
    void* target_;
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_;
};

template <class T>
constexpr bool resizable = requires(T& tensor, const Shape& shape) {
    TensorTraits<T>::resize(tensor, shape);
}
&&std::is_default_constructible_v<T>;

template <class T>
std::function<std::unique_ptr<StagedTensor>(const Shape&)> stage_for(T& tensor, DType dtype, bool built) {
    using Traits = TensorTraits<T>;
    if constexpr (resizable<T>) {
        if (!built) {
            return [&tensor](const Shape& shape) -> std::unique_ptr<StagedTensor> {
                // A type of one dimension keeps the elements of any shape, when the program told the shape.
                if constexpr (requires { requires Traits::rank == 1; })
                    return std::make_unique<FreshTensor<T>>(tensor, Shape{shape.element_count()});
                return std::make_unique<FreshTensor<T>>(tensor, shape);
            };
        }
    }
    return [&tensor, dtype](const Shape& shape) -> std::unique_ptr<StagedTensor> {
        const auto size = byte_size(dtype, shape.element_count());
        return std::make_unique<CopiedTensor>(Traits::data(tensor), static_cast<std::size_t>(size));
    };
}

/// `T` is const when the tensor is only saved.
template <class T>
ProgramTensor program_tensor(T& tensor, std::string role, std::string path, std::optional<Shape> shape) {
    using Plain = std::remove_const_t<T>;
    using Traits = TensorTraits<Plain>;
    static_assert(std::is_trivially_copyable_v<typename Traits::element>);
    ProgramTensor result;
    result.role = std::move(role);
    result.path = std::move(path);
    result.dtype = tensor_dtype<Plain>();
    bool built = true;
    if constexpr (requires { Traits::built(tensor); }) built = Traits::built(tensor);
    if (built) result.elements = Traits::shape(tensor).element_count();
    if (shape && (built || shape->element_count() > 0)) {
        result.shape = std::move(shape);
    } else if (built) {
        result.shape = Traits::shape(tensor);
    }
    if (built) result.data = Traits::data(std::as_const(tensor));
    if constexpr (requires { Traits::column_major; }) result.column_major = Traits::column_major;
    if constexpr (requires { Traits::rank; }) result.rank = Traits::rank;
    if constexpr (!std::is_const_v<T>) {
        using Data = decltype(Traits::data(tensor));
        static_assert(!std::is_const_v<std::remove_pointer_t<Data>>,
                      "Ballast: the elements of this field are const: they can be saved, but not loaded.");
        result.stage = stage_for(tensor, result.dtype, built);
    }
    return result;
}

/// Adds what the fields of a struct hold.
class StructWalk {
public:
    explicit StructWalk(ProgramModel& model) : model_(model) {}

    template <class Layer>
    void fields(LayerId id, Layer& layer, const std::string& path) {
        using Plain = std::remove_const_t<Layer>;
        check_layer_type<Plain>();
        constexpr std::size_t count = boost::pfr::tuple_size_v<Plain>;
        if constexpr (count != 0) {
            boost::pfr::for_each_field(layer, [&](auto& field, auto position) {
                constexpr std::size_t place = decltype(position)::value;
                // A field that is left out may be of any type.
                if constexpr (!is_skipped<Plain, place>()) {
                    constexpr std::string_view name = boost::pfr::get_name<place, Plain>();
                    Step step;
                    step.parent = id;
                    step.edge.field = keras_name<Plain>(name);
                    step.name = step.edge.field;
                    step.path = path.empty() ? std::string(name) : path + "." + std::string(name);
                    this->field(layer, name, field, step);
                }
            });
        }
    }

private:
    /// On the way from a layer to what one of its fields holds.
    struct Step {
        LayerId parent = 0;
        ProgramEdge edge;
        std::string name;         ///< of the layer, or the role of the tensor
        std::string path;         ///< as a C++ program writes it
        std::size_t ordinal = 0;  ///< in the list it is an item of
        const void* identity = nullptr;
    };

    template <class Layer, class Field>
    void field(Layer& layer, std::string_view name, Field& field, const Step& step) {
        using Plain = std::remove_const_t<Field>;
        if constexpr (TensorLike<Plain>) {
            tensor(layer, name, field, step);
        } else if constexpr (IsOwner<Plain>::value) {
            if (!field) return;
            Step inner = step;
            if constexpr (IsShared<Plain>::value) inner.identity = field.get();
            pointee(layer, name, field, inner);
        } else if constexpr (IsList<Plain>::value) {
            list(layer, name, field, step);
        } else if constexpr (IsMap<Plain>::value) {
            map(layer, name, field, step);
        } else if constexpr (!Setting<Plain>) {
            sub_layer(field, step);
        }
    }

    /// What a pointer in a const struct points to is const to us as well.
    template <class Layer, class Owner>
    void pointee(Layer& layer, std::string_view name, Owner& owner, const Step& step) {
        if constexpr (std::is_const_v<Layer>) {
            field(layer, name, std::as_const(*owner), step);
        } else {
            field(layer, name, *owner, step);
        }
    }

    template <class Layer, class List>
    void list(Layer& layer, std::string_view name, List& items, const Step& step) {
        for (std::size_t i = 0; i < items.size(); ++i)
            field(layer, name, items[i], item(step, i, std::to_string(i), "[" + std::to_string(i) + "]"));
    }

    template <class Layer, class Map>
    void map(Layer& layer, std::string_view name, Map& items, const Step& step) {
        std::size_t ordinal = 0;
        for (auto& entry : items) {
            std::string text;
            if constexpr (std::is_convertible_v<decltype(entry.first), std::string_view>) {
                text = std::string_view(entry.first);
            } else {
                static_assert(std::is_integral_v<std::remove_cvref_t<decltype(entry.first)>>,
                              "Ballast: the keys of a map of layers must be strings or integers.");
                text = std::to_string(entry.first);
            }
            field(layer, name, entry.second, item(step, ordinal++, text, "[\"" + text + "\"]"));
        }
    }

    static Step item(const Step& step, std::size_t ordinal, const std::string& place,
                     const std::string& shown) {
        Step inner = step;
        if (inner.edge.list) inner.edge.nested.push_back(step.ordinal);
        inner.edge.list = true;
        inner.ordinal = ordinal;
        inner.name += "_" + place;
        inner.path += shown;
        return inner;
    }

    template <class Layer, class Tensor>
    void tensor(Layer& layer, std::string_view name, Tensor& tensor, const Step& step) {
        using Traits = LayerTraits<std::remove_const_t<Layer>>;
        std::optional<Shape> shape;
        if constexpr (requires { Traits::shape(layer, name); }) shape = Traits::shape(layer, name);
        ProgramTensor result = program_tensor(tensor, step.name, step.path, std::move(shape));
        if constexpr (requires { Traits::not_trainable; })
            result.trainable = !contains(Traits::not_trainable, step.name);
        model_.add_tensor(step.parent, std::move(result));
    }

    template <class Layer>
    void sub_layer(Layer& layer, const Step& step) {
        using Plain = std::remove_const_t<Layer>;
        check_layer_type<Plain>();
        const auto added =
            model_.add_layer(step.parent, step.edge, describe<Plain>(layer, step.name), step.identity);
        if (added.second) fields(added.first, layer, step.path);
    }

    ProgramModel& model_;
};

/// The layers and tensors of a struct; `Net` is const for saving.
template <class Net>
ProgramModel program_model(Net& net) {
    using Plain = std::remove_const_t<Net>;
    check_layer_type<Plain>();
    ProgramModel model(describe<Plain>(net, std::string()));
    StructWalk(model).fields(ProgramModel::root, net, {});
    return model;
}

/// The struct of an optimizer for nets of this type.
template <class Net>
struct OptimizerWalk {
    static constexpr bool is_iteration(std::string_view name) {
        return name == "iteration" || name == "iterations";
    }

    /// Calls slot(name, field), iteration(field) or rate(field) for each field that is one.
    template <class Fields, class Slot, class Iteration, class Rate>
    static void each(Fields& optimizer, Slot slot, Iteration iteration, Rate rate) {
        using Plain = std::remove_const_t<Fields>;
        check_layer_type<Plain>();
        boost::pfr::for_each_field(optimizer, [&](auto& field, auto position) {
            using Field = std::remove_cvref_t<decltype(field)>;
            constexpr std::string_view name = boost::pfr::get_name<decltype(position)::value, Plain>();
            if constexpr (std::same_as<Field, Net>) {
                slot(name, field);
            } else if constexpr (std::integral<Field> && is_iteration(name)) {
                iteration(field);
            } else if constexpr (std::floating_point<Field> && name == "learning_rate") {
                rate(field);
            } else {
                static_assert(Setting<Field>,
                              "Ballast: a field of an optimizer is a slot of the net's own type, the number "
                              "`iteration` or `learning_rate`, or a setting that is not stored.");
            }
        });
    }
};

template <class Net, class Fields>
ProgramOptimizer program_optimizer(Fields& optimizer) {
    ProgramOptimizer result;
    OptimizerWalk<std::remove_const_t<Net>>::each(
        optimizer,
        [&](std::string_view name, auto& slot) {
            result.slots.push_back({std::string(name), program_model(slot)});
        },
        [&](const auto& count) { result.iteration = static_cast<std::int64_t>(count); },
        [&](const auto& rate) { result.learning_rate = static_cast<double>(rate); });
    return result;
}

/// The numbers that a load has found, back into the struct.
template <class Net, class Fields>
void take_numbers(const ProgramOptimizer& loaded, Fields& optimizer) {
    OptimizerWalk<Net>::each(
        optimizer, [](std::string_view, auto&) {},
        [&](auto& count) { count = static_cast<std::remove_reference_t<decltype(count)>>(loaded.iteration); },
        [&](auto& rate) {
            if (loaded.learning_rate)
                rate = static_cast<std::remove_reference_t<decltype(rate)>>(*loaded.learning_rate);
        });
}

}  // namespace ballast::detail
