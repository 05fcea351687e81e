// SPDX-License-Identifier: Apache-2.0
// Reading through a plugin: its probe, and what its open() tells of a file, checked before it is believed.
#include <algorithm>
#include <mutex>
#include <span>
#include <unordered_set>
#include <utility>

#include "container/json/json.h"
#include "core/checked.h"
#include "dialect/kept_model.h"
#include "io/held_source.h"
#include "plugin/call.h"
#include "plugin/foreign_format.h"

namespace ballast::plugin {
namespace {

/// A file in the hands of a plugin. open() and what is decoded later share it.
class OpenFile {
public:
    OpenFile(const Description& about, Probe& probe)
        : about_(about),
          source_(probe.source()),
          call_(about.who(), source_->path(), probe.options().limits) {
        const auto head = probe.head();
        head_.assign(head.begin(), head.end());
        input_.struct_size = sizeof input_;
        input_.head_size = static_cast<std::uint32_t>(head_.size());
        input_.context = this;
        input_.size = source_->size();
        input_.head = reinterpret_cast<const std::uint8_t*>(head_.data());
        input_.limits = call_.abi_limits();
        input_.read = read;
        input_.allocate = [](void* self, std::uint64_t size) { return Call::allocate(&call_of(self), size); };
        input_.fail = [](void* self, std::int32_t code, std::uint64_t offset, const char* message) {
            return Call::fail(&call_of(self), code, offset, message);
        };
    }
    ~OpenFile() {
        if (state_ != nullptr && about_.functions().close != nullptr) about_.functions().close(state_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    Call& call() noexcept { return call_; }
    const ballast_input* input() const noexcept { return &input_; }
    const std::shared_ptr<const io::Source>& source() const noexcept { return source_; }
    const Description& about() const noexcept { return about_; }
    void open(const ballast_index& index) { call_.check(about_.functions().open(&input_, &index, &state_)); }
    std::vector<std::byte> decode(std::uint64_t cookie, std::uint64_t size) {
        const std::lock_guard lock(mutex_);
        std::vector<std::byte> bytes(static_cast<std::size_t>(size));
        call_.check(about_.functions().decode(state_, &input_, cookie, bytes.data(), size));
        return bytes;
    }

private:
    static Call& call_of(void* self) { return static_cast<OpenFile*>(self)->call_; }
    static std::int32_t read(void* self, std::uint64_t offset, void* out, std::uint64_t length) {
        OpenFile& file = *static_cast<OpenFile*>(self);
        return file.call_.guard([&] {
            if (!fits(offset, length, file.source_->size()))
                throw file.call_.error(ErrorCode::truncated, "the file ends before what shall be read")
                    .at(std::min(offset, file.source_->size()));
            file.source_->read_at(offset, {static_cast<std::byte*>(out), static_cast<std::size_t>(length)});
        });
    }

    const Description& about_;
    std::shared_ptr<const io::Source> source_;
    Call call_;
    std::vector<std::byte> head_;
    ballast_input input_{};
    void* state_ = nullptr;
    std::mutex mutex_;
};

/// Collects what a plugin tells; each callback checks before it believes.
class Told {
public:
    explicit Told(std::shared_ptr<OpenFile> file) : file_(std::move(file)), call_(file_->call()) {
        index_.struct_size = sizeof index_;
        index_.context = this;
        index_.tensor = [](void* self, const ballast_tensor* tensor) {
            return of(self).call_.guard([&] { of(self).add(tensor); });
        };
        index_.blob = [](void* self, ballast_text name, std::uint64_t offset, std::uint64_t length) {
            return of(self).call_.guard([&] { of(self).add_blob(name, offset, length); });
        };
        index_.metadata_text = [](void* self, ballast_text key, ballast_text value) {
            return of(self).call_.guard([&] {
                Told& told = of(self);
                told.add_metadata(key, Tree(std::string(told.long_text(value, "a value of the metadata"))));
            });
        };
        index_.metadata_json = [](void* self, ballast_text key, ballast_text value) {
            return of(self).call_.guard([&] {
                Told& told = of(self);
                const auto json = told.long_text(value, "a value of the metadata");
                told.add_metadata(key, json::parse(json, told.call_.limits(), told.call_.path()));
            });
        };
        index_.kept = [](void* self, ballast_text kept) {
            return of(self).call_.guard(
                [&] { of(self).kept_ = std::string(of(self).long_text(kept, "the kept model")); });
        };
        index_.warning = [](void* self, ballast_text text) {
            return of(self).call_.guard([&] {
                of(self).count();
                of(self).warnings_.emplace_back(of(self).long_text(text, "a warning"));
            });
        };
        index_.problem = [](void* self, ballast_text name, std::int32_t code, ballast_text reason) {
            return of(self).call_.guard([&] { of(self).add_problem(name, code, reason); });
        };
    }

    ArchiveContents read() {
        file_->open(index_);
        ArchiveContents contents = contents_of_tensors();
        contents.warnings.insert(contents.warnings.end(), warnings_.begin(), warnings_.end());
        contents.problems = std::move(problems_);
        contents.model->assets = std::move(blobs_);
        if (!metadata_.is_null()) contents.model->metadata = metadata_;
        contents.metadata = contents.model->metadata;
        return contents;
    }

private:
    static Told& of(void* self) { return *static_cast<Told*>(self); }

    void count() {
        if (++objects_ > call_.limits().objects)
            throw call_
                .error(ErrorCode::limit_exceeded, "the file holds more things than Limits::objects allows")
                .at(0);
    }
    std::string_view long_text(const ballast_text& text, std::string_view what) {
        const std::uint64_t most = call_.limits().metadata_bytes;
        const std::uint64_t left = most - std::min(most, text_bytes_);
        const std::string_view view = text_of(call_, text, left, what);
        text_bytes_ += view.size();
        return view;
    }
    std::string name(const ballast_text& text) {
        count();
        const std::string_view view = text_of(call_, text, call_.limits().name_bytes, "a name");
        if (view.empty() || view.find('\0') != std::string_view::npos)
            throw call_.error(ErrorCode::damaged, "a name is empty or holds a zero byte").at(0);
        return std::string(view);
    }
    Error bad(const std::string& name, std::string message, ErrorCode code = ErrorCode::damaged) const {
        return call_.error(code, std::move(message)).tensor(name);
    }

    void add(const ballast_tensor* given) {
        if (given == nullptr || given->struct_size < sizeof(ballast_tensor))
            throw call_.error(ErrorCode::internal, "a tensor is null, or its struct_size is not set").at(0);
        const std::string tensor_name = name(given->name);
        if (!names_.insert(tensor_name).second) throw bad(tensor_name, "two tensors have this name");
        tensors_.push_back(checked(tensor_name, *given));
    }

    TensorInfo checked(const std::string& tensor_name, const ballast_tensor& given) const {
        TensorInfo tensor;
        tensor.name = tensor.stored_name = tensor_name;
        tensor.part = Part::loose;
        const auto dtype = dtype_of_number(given.dtype);
        if (!dtype)
            throw bad(tensor_name, "its element type is " + std::to_string(given.dtype) + ", which is none",
                      ErrorCode::internal);
        tensor.dtype = *dtype;
        if (given.rank > Shape::max_rank || (given.rank != 0 && given.dims == nullptr))
            throw bad(tensor_name, "it has " + std::to_string(given.rank) + " dimensions, at most 32 can be");
        tensor.shape = Shape(std::span(given.dims, given.rank));
        std::uint64_t size = 0;
        try {
            size = tensor.byte_count();
        } catch (const Error& error) {
            throw bad(tensor_name, error.message(), error.code());
        }
        const Limits& limits = call_.limits();
        if (size > limits.tensor_bytes)
            throw bad(tensor_name, "its size is above the limit tensor_bytes", ErrorCode::limit_exceeded);
        if (!fits(given.offset, given.length, file_->source()->size()))
            throw bad(tensor_name, "its bytes lie outside of the file").at(given.offset);
        tensor.stored_bytes = given.length;
        if ((given.flags & BALLAST_TENSOR_DECODED) != 0) {
            check_expansion(tensor_name, given.length, size);
            tensor.storage.layout = Extent{decoded(given.cookie, size), 0, size};
            return tensor;
        }
        if (given.length != size)
            throw bad(tensor_name, "it takes " + std::to_string(given.length) +
                                       " bytes, its shape and type make " + std::to_string(size))
                .at(given.offset);
        tensor.storage.layout = Extent{file_->source(), given.offset, given.length};
        tensor.storage.big_endian = (given.flags & BALLAST_TENSOR_BIG_ENDIAN) != 0;
        return tensor;
    }

    void check_expansion(const std::string& tensor_name, std::uint64_t stored, std::uint64_t size) const {
        const Limits& limits = call_.limits();
        if (file_->about().functions().decode == nullptr)
            throw bad(tensor_name, "it shall be decoded by a plugin that cannot", ErrorCode::internal);
        const auto most = checked_multiply(stored, limits.expansion_ratio);
        if (size > limits.expansion_floor && most && size > *most)
            throw bad(tensor_name, "it grows more than Limits::expansion_ratio allows",
                      ErrorCode::limit_exceeded);
    }

    std::shared_ptr<const io::Source> decoded(std::uint64_t cookie, std::uint64_t size) const {
        return io::held_source(size, call_.path(),
                               [file = file_, cookie, size] { return file->decode(cookie, size); });
    }

    void add_blob(const ballast_text& text, std::uint64_t offset, std::uint64_t length) {
        const std::string blob = name(text);
        if (!fits(offset, length, file_->source()->size()))
            throw bad(blob, "its bytes lie outside of the file").at(offset);
        blobs_.push_back({blob, Extent{file_->source(), offset, length}});
    }

    void add_metadata(const ballast_text& key, Tree value) {
        std::string member = name(key);
        text_bytes_ += member.size();
        if (!keys_.insert(member).second)
            throw call_.error(ErrorCode::damaged, "the metadata has '" + member + "' twice").at(0);
        if (metadata_.is_null()) metadata_ = Tree::object();
        metadata_.mutable_members().emplace_back(std::move(member), std::move(value));
    }

    void add_problem(const ballast_text& text, std::int32_t code, const ballast_text& reason) {
        const std::string part = name(text);
        const ErrorCode ours = code_of(code);
        problems_.push_back(bad(part, std::string(long_text(reason, "a reason")), ours));
    }

    ArchiveContents contents_of_tensors() {
        const std::string_view dialect = file_->about().info().id;
        if (kept_.empty()) return loose_contents(std::move(tensors_), dialect);
        try {
            return restore_kept(kept_, "the kept model", tensors_, call_.limits());
        } catch (const Error& error) {
            ArchiveContents contents = loose_contents(std::move(tensors_), dialect);
            contents.warnings.push_back("the kept model is ignored: " + error.message());
            return contents;
        }
    }

    std::shared_ptr<OpenFile> file_;
    Call& call_;
    ballast_index index_{};
    std::vector<TensorInfo> tensors_;
    std::unordered_set<std::string> names_, keys_;
    std::vector<Blob> blobs_;
    std::vector<Error> problems_;
    std::vector<std::string> warnings_;
    std::string kept_;
    Tree metadata_;
    std::uint64_t objects_ = 0, text_bytes_ = 0;
};

}  // namespace

Confidence ask(const Description& about, Probe& probe) {
    OpenFile file(about, probe);
    const std::int32_t answer = about.functions().probe(file.input());
    // It looked beyond the end of a short file.
    const bool short_file = file.call().forget(ErrorCode::truncated);
    file.call().check(BALLAST_OK);
    if (answer == BALLAST_CERTAIN && !short_file) return Confidence::certain;
    return answer == BALLAST_MAYBE && !short_file ? Confidence::maybe : Confidence::no;
}

ArchiveContents read(const Description& about, Probe& probe) {
    return Told(std::make_shared<OpenFile>(about, probe)).read();
}

}  // namespace ballast::plugin
