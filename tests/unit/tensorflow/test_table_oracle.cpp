// SPDX-License-Identifier: Apache-2.0
// Our tables beside LevelDB's: the same bytes out of the same entries, and the same entries out of its files.
#include <doctest/doctest.h>
#include <leveldb/env.h>
#include <leveldb/table_builder.h>

#include <filesystem>
#include <map>
#include <memory>
#include <random>

#include "container/table/table.h"
#include "support/scratch.h"

using namespace ballast;

namespace {

std::map<std::string, std::string> entries(std::size_t count, std::size_t value_size, unsigned seed) {
    std::mt19937 random(seed);
    std::map<std::string, std::string> made = {{"", "header"}};
    for (std::size_t i = 0; i < count; ++i) {
        std::string key = "layer_with_weights-" + std::to_string(random() % 50) + "/";
        for (std::size_t length = random() % 20; length > 0; --length)
            key.push_back(static_cast<char>(random() % 3 == 0 ? 0xff : random()));
        made[key] = std::string(random() % (value_size + 1), static_cast<char>(random()));
    }
    return made;
}

std::string by_leveldb(const std::map<std::string, std::string>& made, leveldb::CompressionType compression,
                       std::size_t block_size) {
    const test::Scratch folder;
    const std::string path = (folder.path() / "t").string();
    leveldb::WritableFile* file = nullptr;
    REQUIRE(leveldb::Env::Default()->NewWritableFile(path, &file).ok());
    leveldb::Options options;
    options.compression = compression;
    options.block_size = block_size;
    {
        const std::unique_ptr<leveldb::WritableFile> owner(file);
        leveldb::TableBuilder builder(options, file);
        for (const auto& [key, value] : made)
            builder.Add(key, value);
        REQUIRE(builder.Finish().ok());
        REQUIRE(file->Close().ok());
    }
    return test::read_file(path);
}

std::map<std::string, std::string> by_us(const std::string& bytes) {
    std::map<std::string, std::string> found;
    const auto source = io::memory_source(nullptr, std::as_bytes(std::span(bytes)), "t");
    table::read(*source, {}, [&](std::string_view key, std::string_view value, std::uint64_t) {
        found.emplace(key, value);
    });
    return found;
}

}  // namespace

TEST_CASE("tables are LevelDB's byte for byte, and LevelDB's are read") {
    constexpr std::size_t tensorflow_block = 256 << 10;
    for (const auto& [count, size] :
         {std::pair<std::size_t, std::size_t>{0, 0}, {1, 10}, {17, 40}, {3000, 60}, {4000, 900}}) {
        const auto made = entries(count, size, static_cast<unsigned>(count + 1));
        table::Writer writer;
        for (const auto& [key, value] : made)
            writer.add(key, value);
        const auto ours = writer.finish();
        const std::string theirs = by_leveldb(made, leveldb::kNoCompression, tensorflow_block);
        const std::string text(reinterpret_cast<const char*>(ours.data()), ours.size());
        CHECK(text == theirs);
        CHECK(by_us(theirs) == made);
        CHECK(by_us(by_leveldb(made, leveldb::kSnappyCompression, 4096)) == made);
    }
}
