// SPDX-License-Identifier: Apache-2.0
// Counting wrappers.
#include "support/fault_fs.h"

namespace ballast::test {
namespace {

class FaultSource final : public io::Source {
public:
    FaultSource(std::shared_ptr<const io::Source> inner, std::shared_ptr<FaultCounter> counter)
        : inner_(std::move(inner)), counter_(std::move(counter)) {}
    std::uint64_t size() const noexcept override { return inner_->size(); }
    const std::string& path() const noexcept override { return inner_->path(); }
    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        counter_->call("read");
        inner_->read_at(offset, out);
    }

private:
    std::shared_ptr<const io::Source> inner_;
    std::shared_ptr<FaultCounter> counter_;
};

class FaultFile final : public io::File {
public:
    FaultFile(std::unique_ptr<io::File> inner, std::shared_ptr<FaultCounter> counter)
        : inner_(std::move(inner)), counter_(std::move(counter)) {}
    const std::string& name() const noexcept override { return inner_->name(); }
    const std::string& path() const noexcept override { return inner_->path(); }
    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        counter_->call("write");
        inner_->write_at(offset, bytes);
    }
    void resize(std::uint64_t size) override {
        counter_->call("resize");
        inner_->resize(size);
    }
    void sync() override {
        counter_->call("sync");
        inner_->sync();
    }
    void close() override {
        counter_->call("close");
        inner_->close();
    }

private:
    std::unique_ptr<io::File> inner_;
    std::shared_ptr<FaultCounter> counter_;
};

}  // namespace

void FaultCounter::call(const std::string& what, bool removal) {
    const std::uint64_t number = calls_.fetch_add(1);
    {
        const std::lock_guard lock(mutex_);
        log_.push_back(what);
    }
    const bool hit = number == fault_.at || (fault_.from_then_on && number > fault_.at && !removal);
    if (hit) throw Error(fault_.code, "injected fault in " + what).in("injected");
}

std::vector<std::string> FaultCounter::log() const {
    const std::lock_guard lock(mutex_);
    return log_;
}

std::optional<io::FileStat> FaultFs::stat(std::string_view name) const {
    counter_->call("stat");
    return inner_->stat(name);
}

std::shared_ptr<const io::Source> FaultFs::open(std::string_view name) const {
    counter_->call("open");
    return std::make_shared<FaultSource>(inner_->open(name), counter_);
}

std::vector<io::DirEntry> FaultFs::list(std::string_view folder) const {
    counter_->call("list");
    return inner_->list(folder);
}

std::unique_ptr<io::File> FaultFs::create_temporary(std::string_view target) {
    counter_->call("create");
    return std::make_unique<FaultFile>(inner_->create_temporary(target), counter_);
}

void FaultFs::set_mode(std::string_view name, std::uint32_t mode) {
    counter_->call("set_mode");
    inner_->set_mode(name, mode);
}

void FaultFs::rename(std::string_view from, std::string_view to, io::Replace replace) {
    counter_->call("rename");
    inner_->rename(from, to, replace);
}

void FaultFs::remove(std::string_view name) {
    counter_->call("remove", true);
    inner_->remove(name);
}

void FaultFs::make_directory(std::string_view name) {
    counter_->call("make_directory");
    inner_->make_directory(name);
}

void FaultFs::remove_directory(std::string_view name) {
    counter_->call("remove_directory", true);
    inner_->remove_directory(name);
}

void FaultFs::sync_directory(std::string_view folder) {
    counter_->call("sync_directory");
    inner_->sync_directory(folder);
}

}  // namespace ballast::test
